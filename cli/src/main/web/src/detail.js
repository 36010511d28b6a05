// The chosen VM: what it is, in words and numbers.

import { badge, bytes, count, ending, many, protection, seconds, state } from './words.js';

export class Detail {
  #name = document.getElementById('vm-name');
  #badges = document.getElementById('vm-badges');
  #ending = document.getElementById('ending');
  #facts = document.getElementById('facts');

  show(vm) {
    this.#name.textContent = vm.name;
    const badges = [vm.state, vm.role, vm.protection].join(' ');
    if (this.#badges.dataset.words !== badges) {
      this.#badges.dataset.words = badges;
      this.#badges.replaceChildren(badge(vm.state, state(vm.state)));
      if (vm.role) this.#badges.append(badge(vm.role, { kind: 'plain', sign: '', means: 'Its part here.' }));
      if (vm.protection) this.#badges.append(badge(vm.protection, protection(vm.protection)));
    }
    this.#ending.hidden = !vm.end;
    if (vm.end) this.#ending.textContent = `The last run ended: ${ending(vm.end)}.`;
    const facts = [
      ['Engine', vm.engine || '–'],
      ['Memory', vm.memory_bytes ? bytes(vm.memory_bytes) : '–'],
    ];
    const pair = vm.replication;
    if (pair) {
      facts.push(
        ['Phase', pair.phase.replaceAll('_', ' ')],
        ['Lag', many(pair.lag_entries, 'entry', 'entries')],
        ['Held outputs', count(pair.held_outputs)],
        ['Guest slowed by', `${pair.throttle_percent} %`],
        ['Log', `${bytes(pair.log_bytes)}, ${many(pair.log_entries, 'entry', 'entries')}`],
        ['Listens at', pair.listen_address || '–'],
        ['Arbiter', pair.arbiter || '–'],
      );
    }
    const machine = vm.machine;
    if (machine) {
      facts.push(
        ['Instructions', count(machine.instructions)],
        ['Virtual time', seconds(machine.virtual_nanos)],
        ['Idle', machine.halted ? 'yes' : 'no'],
        ['Console bytes', vm.console ? count(vm.console.end_offset) : '0'],
      );
    }
    this.#fill(facts);
  }

  #fill(facts) {
    const terms = this.#facts.querySelectorAll('dt');
    if (terms.length !== facts.length || facts.some(([name], i) => terms[i].textContent !== name)) {
      this.#facts.replaceChildren(
        ...facts.flatMap(([name]) => {
          const term = document.createElement('dt');
          term.textContent = name;
          return [term, document.createElement('dd')];
        }),
      );
    }
    this.#facts.querySelectorAll('dd').forEach((value, i) => {
      if (value.textContent !== facts[i][1]) value.textContent = facts[i][1];
    });
  }
}
