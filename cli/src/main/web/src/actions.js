// The buttons: what each does, when it can be pressed, and what is asked before.

const ASKED = {
  start: {
    title: (vm) => `Start ${vm.name}`,
    text: () => 'The guest boots alone, without replication. If it was one of a pair, it may run at the other host: look there first. Pairs are started by lockstep ctl start.',
    verb: 'Start',
  },
  stop: {
    title: (vm) => `Stop ${named(vm)} ${vm.name}`,
    text: (vm) =>
      vm.role === 'backup'
        ? 'This backup leaves its pair. The guest goes on at its primary, not protected.'
        : 'The guest is asked to shut down (Ctrl-Alt-Del), and ended if it has not within 20 seconds.' +
          (vm.role === 'primary' ? ' Its backup ends with it.' : ''),
    verb: (vm) => (vm.role === 'backup' ? 'Stop backup' : 'Stop'),
  },
  failover: {
    title: (vm) => `Fail over ${vm.name}`,
    text: () => 'The guest moves to its backup. Nothing is lost; it is not protected until a new backup has joined.',
    verb: 'Fail over',
  },
  kill: {
    title: (vm) => `Kill ${named(vm)} ${vm.name}`,
    text: (vm) => {
      if (vm.role === 'backup') return 'This backup ends at once, as in a crash. The primary goes on without protection.';
      return vm.protection === 'protected' || vm.protection === 'degraded'
        ? 'This primary ends at once, as in a crash. Its backup takes over.'
        : 'The guest ends at once, as in a crash. No backup is in sync: NOBODY TAKES OVER, and what the guest has not written is lost.';
    },
    verb: (vm) => (vm.role === 'alone' ? 'Kill' : `Kill ${vm.role}`),
  },
};

function named(vm) {
  return vm.role === 'primary' || vm.role === 'backup' ? `the ${vm.role} of` : '';
}

function verb(action, vm) {
  const told = ASKED[action].verb;
  return typeof told === 'string' ? told : told(vm);
}

/** Whether an action fits what a VM is. */
function fits(action, vm) {
  switch (action) {
    case 'start':
      return vm.state === 'created' || vm.state === 'ended' || vm.state === 'failed';
    case 'stop':
      return vm.role !== '' && (vm.state === 'running' || vm.state === 'paused' || vm.state === 'starting');
    case 'pause':
      return vm.state === 'running' && vm.role !== 'backup';
    case 'resume':
      return vm.state === 'paused' && vm.role !== 'backup';
    case 'failover':
      return vm.role === 'primary' && (vm.protection === 'protected' || vm.protection === 'degraded');
    default:
      return vm.role !== '' && (vm.state === 'running' || vm.state === 'paused' || vm.state === 'starting');
  }
}

export class Actions {
  #buttons;
  #alerts;
  #confirmation;
  #vm = null;
  #connected = false;
  #busy = new Set();

  constructor(buttons, alerts, confirmation) {
    this.#buttons = buttons;
    this.#alerts = alerts;
    this.#confirmation = confirmation;
    for (const button of buttons) {
      button.addEventListener('click', () => this.#press(button.dataset.action));
    }
  }

  /** The VM that the buttons are for, as it is now. */
  show(vm, connected) {
    this.#vm = vm;
    this.#connected = connected;
    this.#draw();
  }

  #draw() {
    const vm = this.#vm;
    for (const button of this.#buttons) {
      const action = button.dataset.action;
      const busy = vm && this.#busy.has(`${action} ${vm.name}`);
      button.disabled = !vm || !this.#connected || busy || !fits(action, vm);
      button.toggleAttribute('aria-busy', Boolean(busy));
      if (vm && ASKED[action]) button.textContent = `${verb(action, vm)} …`;
    }
  }

  async #press(action) {
    const vm = this.#vm;
    if (!vm || !fits(action, vm)) return;
    const body = { vm: vm.name };
    const asked = ASKED[action];
    if (asked) {
      const confirm = await this.#confirmation.ask(asked.title(vm), asked.text(vm), verb(action, vm), vm.name, action !== 'start');
      if (confirm == null) return;
      Object.assign(body, { confirm, role: vm.role });
    }
    const key = `${action} ${vm.name}`;
    this.#busy.add(key);
    this.#draw();
    try {
      const answer = await fetch(`/api/${action}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!answer.ok) await this.#failed(action, answer);
    } catch {
      this.#alert(`Whether '${action}' was done is not known: the connection broke.`, 'Look at the VM again.');
    } finally {
      this.#busy.delete(key);
      this.#draw();
    }
  }

  async #failed(action, answer) {
    const text = await answer.text();
    try {
      const { error, advice } = JSON.parse(text);
      this.#alert(`${error[0].toUpperCase()}${error.slice(1)}.`, advice);
    } catch {
      this.#alert(`'${action}' was refused.`, text);
    }
  }

  #alert(what, advice) {
    const alert = document.createElement('p');
    const strong = document.createElement('b');
    strong.textContent = what;
    const close = document.createElement('button');
    close.type = 'button';
    close.textContent = 'Dismiss';
    close.addEventListener('click', () => alert.remove());
    alert.append(strong, ` ${advice} `, close);
    this.#alerts.append(alert);
    while (this.#alerts.children.length > 3) this.#alerts.firstChild.remove();
  }
}

/** The dialog that wants a VM's name typed. */
export class Confirmation {
  #dialog;
  #name;
  #do;
  #wanted = '';

  constructor(dialog) {
    this.#dialog = dialog;
    this.#name = dialog.querySelector('input');
    this.#do = dialog.querySelector('#confirm-do');
    this.#name.addEventListener('input', () => {
      this.#do.disabled = this.#name.value !== this.#wanted;
    });
    dialog.querySelector('#confirm-cancel').addEventListener('click', () => dialog.close(''));
    dialog.querySelector('form').addEventListener('submit', (event) => {
      if (this.#do.disabled) event.preventDefault();
    });
  }

  /** The name as it was typed; null if the user thought better of it. */
  ask(title, text, verb, name, dangerous) {
    this.#wanted = name;
    this.#name.value = '';
    this.#do.disabled = true;
    this.#do.textContent = verb;
    this.#do.className = dangerous ? 'danger' : 'go';
    this.#dialog.querySelector('#confirm-title').textContent = title;
    this.#dialog.querySelector('#confirm-text').textContent = text;
    this.#dialog.querySelector('#confirm-label').textContent = `Type “${name}” to confirm`;
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    this.#name.focus();
    return new Promise((resolve) => {
      this.#dialog.addEventListener(
        'close',
        () => resolve(this.#dialog.returnValue === 'do' ? this.#name.value : null),
        { once: true },
      );
    });
  }
}
