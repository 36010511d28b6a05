// Lag and log bandwidth of one VM over the last minutes.

import uPlot from 'uplot';
import { bandwidth, milliseconds } from './words.js';

const WINDOW_SECONDS = 300;
/** A young VM's chart is not all past. */
const LEAST_WINDOW_SECONDS = 60;
const HEIGHT = 190;
/** An axis that shows less than this would make noise look like news. */
const LEAST_LAG_MILLIS = 10;
const LEAST_BITS = 1000;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** From when to when a chart goes. */
function span(first, last) {
  const end = last ?? Date.now() / 1000;
  return [Math.max(end - WINDOW_SECONDS, Math.min(first ?? end, end - LEAST_WINDOW_SECONDS)), end];
}

class Chart {
  #element;
  #format;
  #least;
  #colourName;
  #plot = null;

  constructor(element, colourName, least, format) {
    this.#element = element;
    this.#colourName = colourName;
    this.#least = least;
    this.#format = format;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
  }

  #size() {
    return { width: Math.max(this.#element.clientWidth, 200), height: HEIGHT };
  }

  /** Draws anew, in the colours of the present scheme. */
  make() {
    this.#plot?.destroy();
    const axis = {
      stroke: colour('--quiet'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line'), width: 1 },
      font: '11px system-ui, sans-serif',
    };
    const line = colour(this.#colourName);
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { range: (plot, min, max) => span(min, max) },
          y: { range: (plot, min, max) => [0, Math.max(this.#least, (max ?? 0) * 1.15)] },
        },
        axes: [
          { ...axis, space: 80, size: 30, values: '{HH}:{mm}:{ss}' },
          { ...axis, size: 80, space: 28, values: (plot, ticks) => ticks.map(this.#format) },
        ],
        series: [
          {},
          { stroke: line, fill: line + '22', width: 1.5, points: { show: false }, spanGaps: false },
        ],
        hooks: { setCursor: [(plot) => this.#hover(plot)] },
      },
      [[], []],
      this.#element,
    );
  }

  #hover(plot) {
    const at = plot.cursor.idx;
    const value = at == null ? null : plot.data[1][at];
    this.#element.title =
      value == null ? '' : `${new Date(plot.data[0][at] * 1000).toLocaleTimeString()}: ${this.#format(value)}`;
  }

  show(times, values) {
    this.#plot.setData([times, values]);
    this.#element.dataset.points = String(values.filter((value) => value != null).length);
  }
}

export class Charts {
  #lag = new Chart(document.getElementById('lag-chart'), '--lag', LEAST_LAG_MILLIS, milliseconds);
  #log = new Chart(document.getElementById('log-chart'), '--log', LEAST_BITS, bandwidth);
  #lagNow = document.getElementById('lag-now');
  #logNow = document.getElementById('log-now');
  #vm = null;
  #samples = [];
  /** Stands for a lag that is not known. */
  #unknown = '–';

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#make());
    this.#make();
  }

  #make() {
    this.#lag.make();
    this.#log.make();
    this.#draw();
  }

  /** Another VM: what the server has of it, then what comes. */
  async select(name) {
    this.#vm = name;
    this.#samples = [];
    this.#draw();
    await this.refresh();
  }

  /** Fills what was missed. */
  async refresh() {
    const name = this.#vm;
    if (name == null) return;
    try {
      const answer = await fetch(`/api/samples?${new URLSearchParams({ vm: name })}`);
      if (!answer.ok) return;
      const { samples } = await answer.json();
      if (this.#vm !== name) return;
      const last = samples.at(-1)?.[0] ?? 0;
      this.#samples = samples.concat(this.#samples.filter((sample) => sample[0] > last));
      this.#draw();
    } catch {
      // The feed sees as well that the server is gone, and says so.
    }
  }

  /** What is known of the VM now. */
  add(vm) {
    const { sample } = vm;
    this.#unknown = vm.role === 'backup' ? 'its primary knows' : '–';
    if (sample[0] <= (this.#samples.at(-1)?.[0] ?? 0)) return;
    this.#samples.push(sample);
    const from = sample[0] - WINDOW_SECONDS * 1000;
    while (this.#samples[0][0] < from) this.#samples.shift();
    this.#draw();
  }

  #draw() {
    const times = this.#samples.map((sample) => sample[0] / 1000);
    this.#lag.show(times, this.#samples.map((sample) => sample[1]));
    this.#log.show(times, this.#samples.map((sample) => sample[2]));
    const [, lag, rate] = this.#samples.at(-1) ?? [];
    this.#lagNow.textContent = lag == null ? this.#unknown : milliseconds(lag);
    this.#logNow.textContent = bandwidth(rate);
  }
}
