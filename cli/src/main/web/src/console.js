// A VM's console by byte offset: after a break it goes on where it was, and no byte is shown twice.

import { Terminal } from '@xterm/xterm';
import { socketUrl } from './feed.js';

const RETRY_MILLIS = 1000;
const MAX_MESSAGE_BYTES = 8192;
/** With more than this on its way to the screen the stream is closed, and opened again when the screen has it. */
const MAX_PENDING_BYTES = 4 << 20;

export class ConsoleView {
  #terminal;
  #element;
  #hint;
  #vm = null;
  #run = null;
  /** Offset behind the last byte given to the terminal. */
  #offset = 0;
  /** Offset behind the last byte that the terminal has dealt with. */
  #shown = 0;
  /** Up to here the terminal's answers to the guest's questions were given long ago, or by somebody else. */
  #silentUntil = 0;
  #socket = null;
  #ended = false;
  #retry = 0;
  #live = false;

  /** leave: is called when the user leaves the console by its key. */
  constructor(element, hint, leave) {
    this.#element = element;
    this.#hint = hint;
    this.#terminal = new Terminal({
      cols: 80,
      rows: 24,
      scrollback: 10_000,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
      fontSize: 13,
      screenReaderMode: false,
      theme: { background: '#10141c', foreground: '#d7dce5', cursor: '#7fb0ff', selectionBackground: '#35507a' },
    });
    this.#terminal.open(element);
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (event.ctrlKey && event.key === ']') {
        if (event.type === 'keydown') {
          event.preventDefault();
          leave();
        }
        return false;
      }
      return true;
    });
    this.#terminal.onData((data) => this.#type(new TextEncoder().encode(data)));
    this.#terminal.onBinary((data) => this.#type(Uint8Array.from(data, (char) => char.charCodeAt(0) & 0xff)));
  }

  /** What the newest state says of the VM whose console is to be shown. */
  follow(vm) {
    this.#live = vm.live;
    this.#terminal.options.disableStdin = !vm.live;
    if (vm.name !== this.#vm || (vm.console_run != null && vm.console_run !== this.#run)) {
      this.#begin(vm.name, vm.console_run);
    }
    this.#say();
  }

  #begin(vm, run) {
    this.#close();
    this.#vm = vm;
    this.#run = run;
    this.#offset = 0;
    this.#ended = false;
    this.#terminal.reset();
    this.#place(0);
    if (run != null) this.#open(false);
  }

  #close() {
    clearTimeout(this.#retry);
    if (this.#socket) {
      this.#socket.onclose = this.#socket.onmessage = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  #open(again) {
    const query = { vm: this.#vm, run: this.#run };
    if (again) query.from = this.#offset;
    const socket = new WebSocket(socketUrl('/ws/console', query));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => (typeof data === 'string' ? this.#told(JSON.parse(data)) : this.#take(data));
    socket.onclose = () => {
      this.#socket = null;
      if (!this.#ended) this.#retry = setTimeout(() => this.#open(true), RETRY_MILLIS);
    };
    this.#socket = socket;
  }

  #told(message) {
    switch (message.type) {
      case 'opened':
        if (message.run !== this.#run) {
          this.#run = message.run;
          this.#terminal.reset();
          this.#offset = message.offset;
        } else if (this.#offset < message.offset) {
          this.#offset = message.offset;
        }
        this.#place(this.#offset);
        this.#silentUntil = message.end;
        break;
      case 'gone':
        if (this.#offset > 0) this.#say(`Bytes ${this.#offset} to ${message.offset} came too fast and are not kept any more.`);
        this.#offset = message.offset;
        break;
      case 'ended':
        this.#ended = true;
        this.#say();
        break;
      case 'refused':
        this.#say(message.why);
        break;
    }
  }

  #take(data) {
    const at = Number(new DataView(data).getBigUint64(0));
    const skip = Math.max(0, this.#offset - at);
    const bytes = new Uint8Array(data, 8 + skip);
    if (bytes.length === 0) return;
    this.#offset = at + skip;
    const old = Math.min(Math.max(this.#silentUntil - this.#offset, 0), bytes.length);
    // What is old and what is new apart, so that the answers to the new are given.
    for (const piece of [bytes.subarray(0, old), bytes.subarray(old)]) {
      if (piece.length > 0) this.#write(piece);
    }
    if (this.#offset - this.#shown > MAX_PENDING_BYTES && this.#socket) {
      // Its closing opens it again, from here on.
      this.#socket.close();
    }
  }

  #write(bytes) {
    this.#offset += bytes.length;
    const end = this.#offset;
    const run = this.#run;
    this.#terminal.write(bytes, () => {
      if (this.#run === run) this.#place(end);
    });
  }

  #place(offset) {
    this.#shown = offset;
    this.#element.dataset.offset = String(offset);
  }

  #type(bytes) {
    if (!this.#live || this.#shown < this.#silentUntil) return;
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      this.#say('The console is not connected; what was typed is lost.');
      return;
    }
    for (let at = 0; at < bytes.length; at += MAX_MESSAGE_BYTES) {
      this.#socket.send(bytes.subarray(at, at + MAX_MESSAGE_BYTES));
    }
    this.#notice = null;
  }

  #notice = null;

  #say(notice) {
    if (notice) this.#notice = notice;
    const sentence =
      this.#notice ??
      (this.#run == null
        ? 'The VM has never run here, so it has no console.'
        : this.#ended
          ? 'This run has ended. What its console showed stays here.'
          : this.#live
            ? 'Type here; Ctrl-] leaves the console.'
            : 'Only to read: the guest is live elsewhere, or does not run.');
    if (this.#hint.textContent !== sentence) this.#hint.textContent = sentence;
  }
}
