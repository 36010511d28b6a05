// The dashboard's page: one stream of states feeds everything.

import './csp.js';
import 'uplot/dist/uPlot.min.css';
import '@xterm/xterm/css/xterm.css';
import './style.css';
import { Actions, Confirmation } from './actions.js';
import { Charts } from './charts.js';
import { ConsoleView } from './console.js';
import { Detail } from './detail.js';
import { EventList } from './events.js';
import { Feed } from './feed.js';
import { VmTable } from './vms.js';

const element = (id) => document.getElementById(id);

let vms = [];
let selected = decodeURIComponent(location.hash.slice(1)) || null;
let connected = false;

const table = new VmTable(element('vms'), select);
const events = new EventList(element('events'));
const actions = new Actions(
  document.querySelectorAll('[data-action]'),
  element('alerts'),
  new Confirmation(element('confirm')),
);
const detail = new Detail();
// Charts and terminal measure their places, which must be there.
element('detail').hidden = false;
const charts = new Charts();
const view = new ConsoleView(element('terminal'), element('console-hint'), () => element('events-title').focus());
element('detail').hidden = true;
let charted = null;

element('place').textContent = location.host;

function select(name) {
  selected = name;
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
  show();
}

function show() {
  const vm = vms.find((it) => it.name === selected) ?? vms[0];
  selected = vm?.name ?? selected;
  table.show(vms, vm?.name);
  attention();
  element('no-vms').hidden = vms.length > 0;
  element('detail').hidden = !vm;
  actions.show(vm ?? null, connected);
  if (!vm) return;
  detail.show(vm);
  view.follow(vm);
  if (charted !== vm.name) {
    charted = vm.name;
    charts.select(vm.name);
  }
  charts.add(vm);
}

/** What an operator has to look at, told wherever they look: in the head and on the tab. */
function attention() {
  const wanting = vms.filter((vm) => vm.state === 'failed' || vm.protection === 'needBackup' || vm.protection === 'degraded');
  const bad = wanting.some((vm) => vm.protection !== 'degraded' || vm.state === 'failed');
  const told = element('attention');
  const text = wanting.length === 0 ? '' : `${bad ? '▲' : '◐'} ${wanting.length} ${wanting.length === 1 ? 'VM needs' : 'VMs need'} attention`;
  told.hidden = wanting.length === 0;
  told.className = `badge ${bad ? 'bad' : 'warn'}`;
  if (told.textContent !== text) told.textContent = text;
  document.title = wanting.length === 0 ? 'Lockstep' : `(${wanting.length}) Lockstep`;
}

new Feed({
  state(message) {
    vms = message.vms;
    show();
  },
  event(message) {
    events.add(message);
  },
  link(state, sentence) {
    if (connected !== (state === 'live')) {
      connected = state === 'live';
      if (connected) charts.refresh();
    }
    element('link').dataset.state = state;
    element('link').textContent = sentence;
    element('main').classList.toggle('stale', !connected);
    actions.show(vms.find((it) => it.name === selected) ?? null, connected);
  },
}).open();
