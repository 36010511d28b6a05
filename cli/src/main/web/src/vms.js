// The table of VMs. Rows stay while their VM is there, so that focus and selection stay, too.

import { badge, bandwidth, milliseconds, protection, state } from './words.js';

export class VmTable {
  #body;
  #select;
  #rows = new Map();

  /** select: is told the name of a VM that the user chooses. */
  constructor(table, select) {
    this.#body = table.tBodies[0];
    this.#select = select;
    this.#body.addEventListener('keydown', (event) => this.#move(event));
  }

  show(vms, selected) {
    const names = new Set(vms.map((vm) => vm.name));
    for (const [name, row] of this.#rows) {
      if (!names.has(name)) {
        row.remove();
        this.#rows.delete(name);
      }
    }
    vms.forEach((vm, index) => {
      let row = this.#rows.get(vm.name);
      if (!row) {
        row = this.#row(vm.name);
        this.#rows.set(vm.name, row);
      }
      if (this.#body.children[index] !== row) {
        this.#body.insertBefore(row, this.#body.children[index] ?? null);
      }
      this.#fill(row, vm, vm.name === selected);
    });
  }

  #row(name) {
    const row = document.createElement('tr');
    row.dataset.vm = name;
    const head = document.createElement('th');
    head.scope = 'row';
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'vm';
    button.textContent = name;
    head.append(button);
    row.append(head);
    for (let i = 0; i < 7; i++) {
      const cell = document.createElement('td');
      if (i >= 4) cell.className = 'number';
      row.append(cell);
    }
    row.addEventListener('click', () => this.#select(name));
    return row;
  }

  #fill(row, vm, selected) {
    row.classList.toggle('selected', selected);
    row.querySelector('button').setAttribute('aria-pressed', String(selected));
    const [, lag, rate] = vm.sample;
    const [stateCell, role, protectionCell, reason, epoch, lagCell, log] = row.querySelectorAll('td');
    word(stateCell, vm.state, state(vm.state));
    text(role, vm.role || '–');
    word(protectionCell, vm.protection, protection(vm.protection));
    text(reason, vm.reason || '–');
    text(epoch, vm.replication ? String(vm.replication.epoch) : '–');
    text(lagCell, milliseconds(lag));
    text(log, bandwidth(rate));
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest('tr');
    const next = step === 1 ? row?.nextElementSibling : step === -1 ? row?.previousElementSibling : null;
    if (next) {
      event.preventDefault();
      next.querySelector('button').focus();
    }
  }
}

function text(cell, value) {
  if (cell.textContent !== value) cell.textContent = value;
}

function word(cell, value, look) {
  if (cell.dataset.word === value) return;
  cell.dataset.word = value;
  cell.replaceChildren(value ? badge(value, look) : '–');
}
