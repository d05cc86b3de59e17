// Models with their adapters: what each is, and a switch for each adapter.
import { json, path } from './api.js';
import { h, say } from './dom.js';
import { count } from './format.js';
import { heading, mark, notYet, table, toggle, trouble, when } from './parts.js';
import { changed, items, use } from './store.js';

const underWay = new Map();  // "ws/adapter" -> what it was asked to be
let refusal = null;

async function flip(page, adapter) {
  const key = `${adapter.workspace}/${adapter.name}`;
  if (underWay.has(key)) return;
  const enabled = !adapter.enabled;
  underWay.set(key, enabled);
  refusal = null;
  page.draw();
  try {
    await json(path`/apis/models/v2/workspaces/${adapter.workspace}/adapters/${adapter.name}`, { method: 'PATCH', body: { enabled } });
    adapter.enabled = enabled;
    changed('adapter');
    say(`Adapter ${adapter.name} is ${enabled ? 'on' : 'off'}.`);
  } catch (error) {
    refusal = error;
  }
  underWay.delete(key);
  page.draw();
}

// Where an adapter is loaded now, of all deployments.
function loading(deployments) {
  const found = new Map();
  for (const deployment of deployments)
    for (const adapter of deployment.adapters ?? []) {
      const list = found.get(adapter.name) ?? [];
      list.push({ ...adapter, deployment: deployment.name });
      found.set(adapter.name, list);
    }
  return found;
}

function served(adapter, places) {
  const all = places.get(`${adapter.workspace}--${adapter.name}`) ?? [];
  if (all.length === 0) return adapter.enabled ? mark('not loaded') : mark('disabled', 'off: requests that name it get 404');
  return all.map((place) => h('span', { class: 'place', title: place.reason || null },
    mark(place.status, `${place.status} in ${place.deployment}`)));
}

function stateOf(model) {
  if (model.spec_error) return h('span', { title: model.spec_error }, mark('error', 'cannot be used'));
  return !model.spec && model.fileset ? mark('pending', 'being read') : null;
}

function modelRow(model) {
  const spec = model.spec ?? {};
  return {
    key: `${model.workspace}/${model.name}`,
    class: 'of-model',
    cells: [
      h('span', { class: 'name' }, model.name, h('span', { class: 'note' }, model.workspace)),
      [spec.family ?? '', spec.is_chat ? h('span', { class: 'note' }, 'chat') : null],
      count(spec.base_num_parameters),
      [spec.precision ?? '', spec.num_layers ? h('span', { class: 'note' }, `${spec.num_layers} layers`) : null],
      [stateOf(model),
        (model.model_providers ?? []).map((provider) => h('span', { class: 'place' },
          mark('ready', `served as ${provider.split('/')[1]}`)))],
      when(model.created_at),
    ],
  };
}

function adapterRow(page, model, adapter, places) {
  const key = `${adapter.workspace}/${adapter.name}`;
  const lora = adapter.lora_config;
  return {
    key: `adapter ${key}`,
    class: 'of-adapter',
    cells: [
      h('span', { class: 'branch' },
        toggle({ label: `Adapter ${key} of ${model.name}`, on: underWay.get(key) ?? adapter.enabled, busy: underWay.has(key),
          flip: () => flip(page, adapter) }),
        h('span', { class: 'name' }, adapter.name,
          adapter.workspace === model.workspace ? null : h('span', { class: 'note' }, adapter.workspace))),
      adapter.finetuning_type,
      lora ? `rank ${lora.rank}` : '',
      lora?.alpha ? `alpha ${lora.alpha}` : '',
      served(adapter, places),
      when(adapter.created_at),
    ],
  };
}

export function models(page) {
  const all = use(`${path`/apis/models/v2/workspaces/${page.workspace}/models`}?page_size=500&sort=name`,
    ['model', 'adapter', 'deployment']);
  const places = loading(items(use('/luthier/v1/state/deployment/-', ['deployment'])));
  const total = all.value?.pagination?.total_results ?? 0;
  return [
    heading('Models', 'Base models, and the adapters that were trained on them. A switch takes effect at once, in every deployment.'),
    refusal ? trouble(refusal) : null,
    notYet(all) ?? table({
      caption: 'Models and adapters',
      empty: 'No model yet. Import one with “luthier model import”, or over HTTP.',
      columns: [{ name: 'Model, adapter' }, { name: 'Kind' }, { name: 'Size', class: 'num' }, { name: 'Form' },
        { name: 'State', class: 'wide' }, { name: 'Made', class: 'time' }],
      rows: items(all).flatMap((model) => [modelRow(model),
        ...(model.adapters ?? []).map((adapter) => adapterRow(page, model, adapter, places))]),
    }),
    total > items(all).length
      ? h('p', { class: 'note' }, `The first ${items(all).length} of ${total} models. Choose a workspace to see fewer.`)
      : null,
  ];
}
