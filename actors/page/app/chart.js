// The loss curve: training as a line, validation as points on a dashed one, checkpoints as marks on the axis. The pointer or the arrow
// keys move a hair line, whose values are written above and read to who cannot see them.
import { h, s } from './dom.js';
import { loss, number } from './format.js';
import { frame } from './parts.js';

// Round numbers that divide a range into about so many parts.
export function ticks(from, to, wanted) {
  if (!(to > from)) return [from];
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; ++i) found.push(Number((i * step).toPrecision(12)));
  return found;
}

export function nearest(points, step) {
  if (points.length === 0) return -1;
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].step < step) low = middle + 1;
    else high = middle;
  }
  return low > 0 && step - points[low - 1].step < points[low].step - step ? low - 1 : low;
}

// Places of a scale whose equal lengths are equal ratios: 0.5, 1, 2, 5 …
export function logTicks(from, to) {
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); ++power)
    for (const factor of [1, 2, 5]) found.push(Number((factor * 10 ** power).toPrecision(3)));
  const inside = found.filter((value) => value >= from && value <= to);
  return inside.length > 8 ? inside.filter((value) => /^0*\.?0*1/.test(String(value))) : inside.length > 1 ? inside : ticks(from, to, 4);
}

const cursors = new Map();  // chart -> the step that its hair line is at
const scale = { isLog: false };

function sentence(step, train, validation) {
  const parts = [`step ${number(step)}`];
  if (train) parts.push(`training ${loss(train.value)}`);
  if (validation) parts.push(`validation ${loss(validation.value)}`);
  return parts.join(', ');
}

function plot(train, validation, maxStep, width) {
  const height = width < 520 ? 220 : 280;
  const box = { left: 48, right: width < 520 ? 14 : 92, top: 14, bottom: 34 };
  const values = [...train, ...validation].map((point) => point.value).filter(Number.isFinite);
  let low = Math.min(...values), high = Math.max(...values);
  const isLog = scale.isLog && low > 0;
  const room = isLog ? (high / low) ** 0.08 : (high - low || Math.abs(high) || 1) * 0.08;
  low = isLog ? low / room : Math.max(0, low - room);
  high = isLog ? high * room : high + room;
  const place = isLog ? Math.log : Number;
  const lastTold = Math.max(...train.map((point) => point.step), ...validation.map((point) => point.step), 1);
  // There is room to grow, and the curve is not squeezed for it.
  const last = Math.max(lastTold, Math.min(maxStep || 0, Math.round(lastTold * 1.5)));
  const x = (step) => box.left + ((width - box.left - box.right) * step) / last;
  const y = (value) => height - box.bottom - ((height - box.top - box.bottom) * (place(value) - place(low))) / (place(high) - place(low) || 1);
  return { width, height, box, low, high, last, x, y, values: isLog ? logTicks(low, high) : ticks(low, high, 5) };
}

const line = (points, { x, y }) =>
  points.map((point, i) => `${i ? 'L' : 'M'}${x(point.step).toFixed(1)} ${y(point.value).toFixed(1)}`).join('');

function axes(p, checkpoints) {
  const floor = p.height - p.box.bottom;
  return [
    p.values.map((value) => [
      s('line', { class: 'grid', x1: p.box.left, x2: p.width - p.box.right, y1: p.y(value), y2: p.y(value) }),
      s('text', { class: 'tick', x: p.box.left - 8, y: p.y(value) + 4, 'text-anchor': 'end' }, String(value)),
    ]),
    s('line', { class: 'axis', x1: p.box.left, x2: p.width - p.box.right, y1: floor, y2: floor }),
    ticks(0, p.last, p.width < 520 ? 4 : 8).filter(Number.isInteger).map((step) => [
      s('line', { class: 'axis', x1: p.x(step), x2: p.x(step), y1: floor, y2: floor + 5 }),
      s('text', { class: 'tick', x: p.x(step), y: floor + 19, 'text-anchor': 'middle' }, number(step)),
    ]),
    s('text', { class: 'tick', x: p.box.left - 8, y: floor + 19, 'text-anchor': 'end' }, 'step'),
    checkpoints.map((step) => s('path', { class: 'checkpoint', d: `M${p.x(step) - 4} ${floor}h8l-4 -6z` },
      s('title', null, `checkpoint at step ${number(step)}`))),
  ];
}

// Names stand at the ends of their lines; where those are close, one above the other.
function names(p, train, validation) {
  if (p.width < 520) return [];
  const all = [['training', train.at(-1), 'name-train'], ['validation', validation.at(-1), 'name-validation']].filter(([, point]) => point);
  let places = all.map(([, point]) => p.y(point.value) + 4);
  if (places.length === 2 && Math.abs(places[0] - places[1]) < 14) {
    const middle = Math.max(p.box.top + 14, Math.min(p.height - p.box.bottom - 12, (places[0] + places[1]) / 2));
    places = places[0] <= places[1] ? [middle - 7, middle + 7] : [middle + 7, middle - 7];
  }
  const end = Math.max(...all.map(([, point]) => p.x(point.step)));
  return all.map(([text, , kind], i) => s('text', { class: kind, x: end + 8, y: places[i] }, text));
}

// train, validation: [{step, value}]; checkpoints: steps; `redraw` is called when the hair line or the width changes.
export function lossChart({ key, label, train, validation, checkpoints = [], maxStep, width, redraw }) {
  if (train.length + validation.length === 0) return h('p', { class: 'empty' }, 'No losses have been told yet.');
  if (maxStep === 0 && Math.max(train.length, validation.length) === 1)
    return h('p', { class: 'empty' }, 'Of this training only the last losses are kept.');
  const p = plot(train, validation, maxStep, width);
  const points = train.length ? train : validation;
  const at = points[nearest(points, cursors.get(key) ?? points.at(-1).step)];
  const near = validation[nearest(validation, at.step)];
  const said = sentence(at.step, train.length ? at : null, near && (near.step === at.step || !train.length) ? near : null);
  const move = (index) => {
    cursors.set(key, points[Math.max(0, Math.min(points.length - 1, index))].step);
    redraw();
  };
  const index = points.indexOf(at);
  const keys = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
  const floor = p.height - p.box.bottom;

  return h('figure', { class: 'chart', key },
    h('figcaption', { class: 'chart-head' },
      h('span', { class: 'key key-train' }, 'training loss'), h('span', { class: 'key key-validation' }, 'validation loss'),
      checkpoints.length ? h('span', { class: 'key key-checkpoint' }, 'checkpoint') : null,
      h('label', { class: 'key-scale' },
        h('input', { type: 'checkbox', after: (node) => { node.checked = scale.isLog; }, onchange: (event) => {
        scale.isLog = event.target.checked;
        redraw();
      } }), 'logarithmic'),
      h('span', { class: 'chart-said', 'aria-hidden': 'true' }, said)),
    s('svg', {
      viewBox: `0 0 ${p.width} ${p.height}`, height: p.height, tabindex: 0, role: 'slider',
      'aria-label': `${label}: losses, step by step`, 'aria-orientation': 'horizontal',
      'aria-valuemin': points[0].step, 'aria-valuemax': points.at(-1).step, 'aria-valuenow': at.step, 'aria-valuetext': said,
      onkeydown: (event) => {
        if (!(event.key in keys)) return;
        event.preventDefault();
        move(index + keys[event.key]);
      },
      onpointermove: (event) => {
        const frame = event.currentTarget.getBoundingClientRect();
        const step = (((event.clientX - frame.left) * (p.width / frame.width) - p.box.left) / (p.width - p.box.left - p.box.right)) * p.last;
        move(nearest(points, step));
      },
      onpointerleave: () => {
        cursors.delete(key);
        redraw();
      },
    },
    axes(p, checkpoints),
    train.length ? s('path', { class: 'line-train', d: line(train, p) }) : null,
    validation.length > 1 ? s('path', { class: 'line-validation', d: line(validation, p) }) : null,
    validation.map((point) => s('path',
      { class: 'point-validation', d: `M${p.x(point.step)} ${p.y(point.value) - 4.5}l4.5 4.5-4.5 4.5-4.5-4.5z` })),
    names(p, train, validation),
    s('line', { class: 'hair', x1: p.x(at.step), x2: p.x(at.step), y1: p.box.top, y2: floor }),
    s('circle', { class: 'dot', cx: p.x(at.step), cy: p.y(at.value), r: 4 })),
    h('details', { class: 'more' }, h('summary', null, 'The same as a table'), numbersTable(label, train, validation)));
}

function numbersTable(label, train, validation) {
  const rowsMax = 200;
  const every = Math.ceil(train.length / rowsMax);
  const byStep = new Map(validation.map((point) => [point.step, point]));
  const shown = train.filter((point, i) => i % every === 0 || i === train.length - 1 || byStep.has(point.step));
  const steps = new Map(shown.map((point) => [point.step, point]));
  for (const point of validation) if (!steps.has(point.step)) steps.set(point.step, null);
  return frame(`Losses of ${label}`, 'short',
    h('table', null, h('caption', { class: 'unseen' }, `Losses of ${label}`),
      h('thead', null,
        h('tr', null, h('th', { scope: 'col', class: 'num' }, 'Step'), h('th', { scope: 'col', class: 'num' }, 'Training'),
          h('th', { scope: 'col', class: 'num' }, 'Validation'))),
      h('tbody', null, [...steps.keys()].sort((a, b) => a - b).map((step) =>
        h('tr', { key: step }, h('th', { scope: 'row', class: 'num' }, number(step)),
          h('td', { class: 'num' }, loss(steps.get(step)?.value)), h('td', { class: 'num' }, loss(byStep.get(step)?.value)))))));
}
