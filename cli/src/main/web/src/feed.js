// The stream of states and events, opened again when it breaks.

const FIRST_RETRY_MILLIS = 500;
const LAST_RETRY_MILLIS = 5000;

/** Address of a WebSocket of this page's server. */
export function socketUrl(path, query) {
  return `ws://${location.host}${path}?${new URLSearchParams(query)}`;
}

export class Feed {
  #listener;
  #retryMillis = FIRST_RETRY_MILLIS;
  #lastEvent = -1;

  /** listener: state(message), event(message), link(state, sentence) with connecting, live or lost. */
  constructor(listener) {
    this.#listener = listener;
  }

  open() {
    const socket = new WebSocket(socketUrl('/ws/state', { after: this.#lastEvent }));
    let live = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'state') {
        if (!live) {
          live = true;
          this.#retryMillis = FIRST_RETRY_MILLIS;
          this.#listener.link('live', 'live');
        }
        this.#listener.state(message);
      } else {
        this.#lastEvent = message.sequence;
        this.#listener.event(message);
      }
    };
    socket.onclose = () => this.#lost();
  }

  async #lost() {
    this.#listener.link('lost', 'connection lost, trying again');
    setTimeout(() => this.#again(), this.#retryMillis);
    this.#retryMillis = Math.min(this.#retryMillis * 2, LAST_RETRY_MILLIS);
  }

  /** A WebSocket does not tell why it is refused, a request does. */
  async #again() {
    let answer;
    try {
      answer = await fetch('/api/samples');
    } catch {
      this.#lost();
      return;
    }
    if (answer.status === 403) {
      this.#listener.link('lost', 'Lockstep was started anew: open the address that it printed');
      return;
    }
    this.open();
  }
}
