// What happened, the newest first.

import { ending } from './words.js';

const SHOWN = 200;

export class EventList {
  #list;
  /** What each VM was when it was last told of. */
  #known = new Map();

  constructor(list) {
    this.#list = list;
  }

  add(event) {
    const before = this.#known.get(event.vm);
    const sentence = this.#sentence(event);
    if (!sentence) return;
    const item = document.createElement('li');
    const time = document.createElement('time');
    time.dateTime = event.time;
    time.textContent = new Date(event.time).toLocaleTimeString([], { hour12: false });
    time.title = event.time;
    const vm = document.createElement('b');
    vm.textContent = event.vm;
    const what = document.createElement('span');
    what.textContent = sentence;
    item.append(time, vm, what);
    const now = event.changed;
    if ((now?.protection === 'needBackup' && before?.protection !== 'needBackup') || now?.state === 'failed') {
      item.className = 'bad';
    }
    this.#list.prepend(item);
    while (this.#list.children.length > SHOWN) this.#list.lastChild.remove();
  }

  #sentence(event) {
    if (event.note) return event.note;
    if (event.deleted) {
      this.#known.delete(event.vm);
      return 'forgotten';
    }
    if (event.missed) return `${event.missed} events were missed`;
    return event.changed ? this.#change(event.changed) : null;
  }

  /** Only what is new: a state is told whole, and most of it has been told before. */
  #change(vm) {
    const now = {
      state: vm.state,
      role: vm.role,
      protection: vm.protection,
      reason: vm.reason,
      epoch: vm.replication ? String(vm.replication.epoch) : '',
      phase: vm.replication?.phase ?? '',
      end: vm.end ? ending(vm.end) : '',
    };
    const before = this.#known.get(vm.name) ?? {};
    this.#known.set(vm.name, now);
    const news = [];
    if (now.state !== before.state) news.push(now.state);
    if (now.end && now.end !== before.end) news.push(now.end);
    if (now.role && now.role !== before.role) news.push(before.role ? `${before.role} → ${now.role}` : now.role);
    if (now.protection && (now.protection !== before.protection || now.reason !== before.reason)) {
      news.push(now.reason ? `${now.protection} (${now.reason})` : now.protection);
    }
    if (now.epoch && now.epoch !== '0' && now.epoch !== before.epoch) news.push(`epoch ${now.epoch}`);
    if (news.length === 0 && now.phase !== before.phase && now.phase) news.push(now.phase.replaceAll('_', ' '));
    return news.join(', ');
  }
}
