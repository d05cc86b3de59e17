// Which view is shown: the address after '#' says it. Everything is drawn anew when something has changed, at most once a frame.
import { askForToken, tokenDialog, tokenIsNeeded } from './access.js';
import { token } from './api.js';
import { audit } from './audit.js';
import { deployments } from './deployments.js';
import { h, say, show } from './dom.js';
import { events } from './events.js';
import { ago, number, words } from './format.js';
import { job } from './job.js';
import { jobs } from './jobs.js';
import { models } from './models.js';
import { mark, trouble } from './parts.js';
import { beginDrawing, endDrawing, entityOf, items, live, start, use } from './store.js';
import { workspaces } from './workspaces.js';

const views = [
  { name: 'workspaces', title: 'Workspaces', draw: workspaces },
  { name: 'models', title: 'Models', draw: models },
  { name: 'jobs', title: 'Jobs', draw: (page) => (page.rest.length === 2 ? job(page) : jobs(page)) },
  { name: 'deployments', title: 'Deployments', draw: deployments },
  { name: 'events', title: 'Events', draw: events },
  { name: 'audit', title: 'Audit', draw: audit },
];

const kept = (name, otherwise) => {
  try {
    return localStorage.getItem(name) ?? otherwise;
  } catch {
    return otherwise;
  }
};
const keep = (name, value) => {
  try {
    localStorage.setItem(name, value);
  } catch { /* then it holds until the page is left */ }
};

// What a view gets: where it is, which workspace is looked at ("-": all), and how to be drawn again.
const page = {
  rest: [],
  workspace: kept('luthier-workspace', '-'),
  width: 800,
  draw,
  look(workspace) {
    page.workspace = workspace;
    keep('luthier-workspace', workspace);
    draw();
  },
};

let view = views[0];
let isDue = false;

function draw() {
  if (isDue) return;
  isDue = true;
  // A hidden page gets no frames, and its title is still read.
  if (document.hidden) setTimeout(drawNow, 200);
  else requestAnimationFrame(drawNow);
}

function drawNow() {
  isDue = false;
  beginDrawing();
  const main = document.getElementById('main');
  page.width = Math.max(300, main.clientWidth - 2 * parseFloat(getComputedStyle(main).paddingLeft));
  show(document.getElementById('tools'), tools());
  show(document.getElementById('nav'),
    views.map((one) => h('a', { href: `#/${one.name}`, 'aria-current': one === view ? 'page' : null, key: one.name }, one.title)));
  let content;
  try {
    content = view.draw(page);
  } catch (error) {
    console.error(error);
    content = trouble(error);
  }
  show(main, h('div', { class: 'view', key: view.name + page.rest.join('/') }, content));
  show(document.getElementById('dialogs'), tokenDialog(draw));
  endDrawing();
}

// --------------------------------------------------------------------------------------------------------------- head

function lastEvent() {
  if (!live.last) return null;
  const { name } = entityOf(live.last);
  return h('span', { class: 'head-last' }, `${words(live.last.type.split('.')[1] ?? '')} `, h('b', null, name), ` ${ago(live.last.time)}`);
}

const themes = { system: 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' };
const theme = () => document.documentElement.dataset.theme ?? 'system';

function nextTheme() {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(theme()) + 1) % names.length];
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  keep('luthier-theme', next);
  say(themes[next]);
  draw();
}

function tools() {
  const all = use('/apis/entities/v2/workspaces?page_size=1000&sort=name', ['workspace']);
  const names = items(all).map((workspace) => workspace.name);
  if (page.workspace !== '-' && all.value && !names.includes(page.workspace)) names.push(page.workspace);
  const access = use('/apis/auth/discovery');
  return [
    h('p', { class: 'head-live' }, h('span', { class: 'label' }, 'Position'), ' ',
      h('b', { class: 'figures', id: 'position' }, number(live.head)), lastEvent(), mark(live.state)),
    h('label', { class: 'field' }, h('span', { class: 'label' }, 'Workspace'),
      h('select', { id: 'workspace', value: page.workspace, onchange: (event) => page.look(event.target.value) },
        h('option', { value: '-' }, 'all'), names.map((name) => h('option', { value: name, key: name }, name)))),
    access.value?.auth_enabled
      ? h('button', { type: 'button', class: 'quiet', onclick: () => askForToken(draw) }, token.get() ? 'Change token' : 'Give token')
      : null,
    h('button', { type: 'button', class: 'quiet', id: 'theme', 'aria-label': themes[theme()], title: themes[theme()], onclick: nextTheme },
      themeSign()),
  ];
}

const themeSign = () => h('span', { class: `theme-sign theme-${theme()}`, 'aria-hidden': 'true' });

// --------------------------------------------------------------------------------------------------------------- ways

function goTo(isFirst) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  view = views.find((one) => one.name === name) ?? views[0];
  page.rest = rest.filter(Boolean);
  document.title = `${page.rest.length ? page.rest.at(-1) + ' – ' : ''}${view.title} – Luthier`;
  drawNow();
  if (isFirst) return;
  window.scrollTo(0, 0);
  document.querySelector('#main h1')?.focus({ preventScroll: true });  // whoever reads with the ears is at the new view's beginning
}

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});
addEventListener('hashchange', () => goTo(false));
addEventListener('resize', draw);
setInterval(draw, 5000);  // "3 min ago" grows older by itself
token.listen((what, reason) => what === 'needed' && tokenIsNeeded(draw, reason));
start(draw);
goTo(true);
