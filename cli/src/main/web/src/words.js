// The field's words for states, with what they mean, and numbers as people read them.

/** kind: how a badge looks; the sign and the word say the same without colours. */
const PROTECTION = {
  notProtected: { kind: 'plain', sign: '○', means: 'There is no second replica, and none is asked for.' },
  starting: { kind: 'busy', sign: '◔', means: 'A backup is being brought in; not protected yet.' },
  protected: { kind: 'good', sign: '●', means: 'A backup is in sync: the guest survives the loss of this host.' },
  needBackup: { kind: 'bad', sign: '▲', means: 'Not protected, although it should be: a backup is missing.' },
  degraded: { kind: 'warn', sign: '◐', means: 'Protected at a price: the guest is slowed, or its outputs wait.' },
};

const STATE = {
  created: { kind: 'plain', sign: '○', means: 'Defined, and not started since.' },
  starting: { kind: 'busy', sign: '◔', means: 'Being started; the guest does not run yet.' },
  running: { kind: 'good', sign: '▶', means: 'The guest runs here, or a backup repeats it here.' },
  paused: { kind: 'warn', sign: '⏸', means: 'Somebody paused it.' },
  ended: { kind: 'plain', sign: '■', means: 'It came to its end.' },
  failed: { kind: 'bad', sign: '✖', means: 'It could not go on.' },
};

const UNKNOWN = { kind: 'plain', sign: '', means: '' };

/** How a protection state looks. */
export function protection(word) {
  return PROTECTION[word] ?? UNKNOWN;
}

/** How a state looks. */
export function state(word) {
  return STATE[word] ?? UNKNOWN;
}

/** A span that shows a word with its sign. */
export function badge(word, look) {
  const span = document.createElement('span');
  span.className = `badge ${look.kind}`;
  span.title = look.means;
  if (look.sign) {
    const sign = document.createElement('span');
    sign.setAttribute('aria-hidden', 'true');
    sign.textContent = look.sign;
    span.append(sign);
  }
  span.append(word);
  return span;
}

const BITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];
const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function scaled(value, step, units) {
  let unit = 0;
  while (value >= step && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Bits a second. */
export function bandwidth(bitsPerSecond) {
  return bitsPerSecond == null ? '–' : scaled(bitsPerSecond, 1000, BITS);
}

/** Milliseconds. */
export function milliseconds(millis) {
  if (millis == null) return '–';
  return millis < 1000 ? `${millis} ms` : `${(millis / 1000).toFixed(1)} s`;
}

/** Bytes. */
export function bytes(count) {
  return scaled(count, 1024, BYTES);
}

/** A count, with spaces between groups of digits. */
export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

/** So many of something. */
export function many(number, one, more) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** Nanoseconds as seconds. */
export function seconds(nanos) {
  return `${(nanos / 1e9).toFixed(1)} s`;
}

/** How a run ended, in one sentence. */
export function ending(end) {
  const parts = [end.reason.replaceAll('_', ' ')];
  if (end.reason === 'guest_exit') parts.push(`with code ${end.exit_code}`);
  let sentence = parts.join(' ');
  if (end.detail) sentence += `: ${end.detail}`;
  if (end.advice) sentence += `. ${end.advice}`;
  return sentence;
}
