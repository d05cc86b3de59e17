// The overview: what there is, workspace by workspace, and what goes on now.
import { h } from './dom.js';
import { number } from './format.js';
import { heading, mark, notYet, readout, readouts, table, when } from './parts.js';
import { items, live, use } from './store.js';

const isRunning = (job) => ['created', 'pending', 'active', 'pausing', 'resuming', 'cancelling'].includes(job.status);

export function workspaces(page) {
  const all = use('/apis/entities/v2/workspaces?page_size=1000&sort=name', ['workspace']);
  const models = items(use('/apis/models/v2/workspaces/-/models?page_size=1000', ['model', 'adapter', 'deployment']));
  const jobs = items(use('/luthier/v1/state/job/-', ['job']));
  const deployments = items(use('/luthier/v1/state/deployment/-', ['deployment']));
  const workers = use('/luthier/v1/state/worker/system', ['worker']);
  const adapters = models.flatMap((model) => model.adapters ?? []);
  const on = adapters.filter((adapter) => adapter.enabled);
  const ready = deployments.filter((deployment) => deployment.status === 'READY');
  const running = jobs.filter(isRunning);

  return [
    heading('Workspaces', 'What this server keeps, and what it is doing.'),
    readouts(
      readout('Models', number(models.length)),
      readout('Adapters on', number(on.length), `of ${number(adapters.length)}`),
      readout('Jobs under way', number(running.length), `of ${number(jobs.length)}`),
      readout('Deployments ready', number(ready.length), `of ${number(deployments.length)}`),
      readout('Events', number(live.head))),
    notYet(all) ?? table({
      caption: 'Workspaces',
      empty: 'There is no workspace that you may see.',
      columns: [{ name: 'Workspace' }, { name: 'Description', class: 'wide' }, { name: 'Models', class: 'num' },
        { name: 'Adapters on', class: 'num' }, { name: 'Jobs under way', class: 'num' },
        { name: 'Deployments ready', class: 'num' }, { name: 'Made', class: 'time' }],
      rows: items(all).map(({ name, description, created_at }) => {
        const here = (list) => list.filter((one) => one.workspace === name).length;
        const look = (view) => ({ href: `#/${view}`, onclick: () => page.look(name) });
        return {
          key: name,
          class: page.workspace === name ? 'chosen' : null,
          cells: [h('a', { class: 'name', ...look('models') }, name), description ?? '', h('a', look('models'), here(models)), here(on),
            h('a', look('jobs'), here(running)), h('a', look('deployments'), here(ready)), when(created_at)],
        };
      }),
    }),
    workers.error ? null : h('h2', null, 'Workers'),  // not everybody may see the installation's own
    workers.error ? null : table({
      caption: 'Workers',
      empty: 'No worker has joined yet: nothing can be trained or served before one has.',
      columns: [{ name: 'Worker' }, { name: 'State' }, { name: 'Devices', class: 'wide' }, { name: 'Host' },
        { name: 'Joined', class: 'time' }],
      rows: items(workers).map((worker) => ({
        key: worker.id,
        cells: [h('span', { class: 'name' }, worker.name), mark(worker.draining ? 'draining' : worker.status),
          (worker.devices ?? []).map((device) => `${device.id} · ${device.model}`).join(', '), worker.host, when(worker.joined_at)],
      })),
    }),
  ];
}
