// One question to the base and to adapters at once; the answers are written side by side as they come.
import { ask, path } from './api.js';
import { h, say } from './dom.js';
import { duration, number } from './format.js';
import { mark } from './parts.js';
import { eventsOf } from './stream.js';

const desk = {
  question: '', system: '', tokensMax: 128, temperature: 0,
  left: new Set(),      // names that are not to be asked
  answers: [],          // {name, title, text, state, error, begun, first, ended, pieces, stop}
  deployment: '',
};

const isAnswering = () => desk.answers.some((answer) => answer.state === 'running');

// Whom a deployment lets us ask: its model, and the adapters that it has loaded.
export const voices = (deployment) => [
  { name: deployment.model, title: deployment.model.split('/').pop(), kind: 'base' },
  ...(deployment.adapters ?? []).map(({ name, status }) => ({ name, title: name.split('--').pop(), kind: 'adapter', status })),
];

async function hear(page, deployment, answer, question) {
  const halt = new AbortController();
  answer.stop = () => halt.abort();
  try {
    const response = await ask(path`/apis/inference-gateway/v2/workspaces/${deployment.workspace}/openai/-/v1/chat/completions`, {
      method: 'POST', signal: halt.signal, headers: { Accept: 'text/event-stream' },
      body: { model: answer.name, messages: question.messages, max_tokens: question.tokensMax, temperature: question.temperature,
        stream: true },
    });
    for await (const { data } of eventsOf(response)) {
      if (data === undefined || data === '[DONE]') continue;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      const piece = chunk.choices?.[0]?.delta?.content ?? '';
      if (!piece) continue;
      answer.first ??= performance.now();
      answer.pieces += 1;
      answer.text += piece;
      page.draw();
    }
    answer.state = 'completed';
  } catch (error) {
    answer.state = error.name === 'AbortError' ? 'stopped' : 'failed';
    answer.error = error.message;
  }
  answer.ended = performance.now();
  page.draw();
}

async function begin(page, deployment, asked) {
  const messages = [...(desk.system.trim() ? [{ role: 'system', content: desk.system.trim() }] : []),
    { role: 'user', content: desk.question.trim() }];
  const question = { messages, tokensMax: desk.tokensMax, temperature: desk.temperature };
  desk.deployment = deployment.id;
  desk.answers = asked.map((voice) => ({ ...voice, text: '', state: 'running', error: '', begun: performance.now(), pieces: 0 }));
  say(`Asking ${asked.map((voice) => voice.title).join(', ')}.`);
  page.draw();
  await Promise.all(desk.answers.map((answer) => hear(page, deployment, answer, question)));
  say(desk.answers.map((answer) => `${answer.title}: ${answer.state === 'completed' ? answer.text.slice(0, 300) : answer.state}`).join('. '));
}

function stopAll() {
  for (const answer of desk.answers) if (answer.state === 'running') answer.stop();
}

function pace(answer) {
  if (answer.state === 'running' && !answer.first) return 'waiting for the first token';
  if (!answer.first) return answer.state === 'completed' ? 'an empty answer' : answer.state;
  const seconds = ((answer.ended ?? performance.now()) - answer.first) / 1000;
  const rate = answer.pieces > 1 && seconds > 0 ? `, ${number((answer.pieces - 1) / seconds)} pieces a second` : '';
  return `first after ${duration((answer.first - answer.begun) / 1000)}${rate}`;
}

const column = (answer) => h('article',
  { class: `answer answer-${answer.kind}`, key: answer.name, 'aria-label': `Answer of ${answer.title}`,
    'aria-busy': String(answer.state === 'running') },
  h('header', null, h('h3', null, answer.title, h('span', { class: 'note' }, answer.kind)),
    mark(answer.state, answer.state === 'running' ? 'answering' : answer.state === 'completed' ? 'complete' : answer.state)),
  answer.state === 'failed'
    ? h('p', { class: 'reason' }, answer.error)
    : h('p', { class: 'answer-text' }, answer.text || (answer.state === 'running' ? '…' : '')),
  h('footer', { class: 'note figures' }, pace(answer)));

export function chat(page, deployment, ready, choose) {
  const all = voices(deployment);
  const asked = all.filter((voice) => !desk.left.has(voice.name) && (voice.kind === 'base' || voice.status === 'loaded'));
  const busy = isAnswering();
  const field = (name, parse = String) => (event) => {
    desk[name] = parse(event.target.value);
    page.draw();
  };
  const form = h('form', { class: 'desk', onsubmit: (event) => {
    event.preventDefault();
    if (!busy && asked.length && desk.question.trim()) begin(page, deployment, asked);
  } },
  h('div', { class: 'desk-row' },
    h('label', { class: 'field' }, h('span', { class: 'label' }, 'Deployment'),
      h('select', { id: 'deployment', value: deployment.id, onchange: (event) => choose(event.target.value) },
        ready.map((one) => h('option', { value: one.id, key: one.id }, one.name)))),
    h('label', { class: 'field' }, h('span', { class: 'label' }, 'Longest answer, tokens'),
      h('input',
        { type: 'number', min: 1, max: 4096, value: desk.tokensMax,
          oninput: field('tokensMax', (text) => Math.max(1, Math.min(4096, Number.parseInt(text, 10) || 1))) })),
    h('label', { class: 'field' }, h('span', { class: 'label' }, 'Temperature'),
      h('input',
        { type: 'number', min: 0, max: 2, step: 0.1, value: desk.temperature,
          oninput: field('temperature', (text) => Math.max(0, Math.min(2, Number.parseFloat(text) || 0))) }))),
  h('fieldset', { class: 'voices' }, h('legend', { class: 'label' }, 'Who answers'),
    all.map((voice) => h('label', { class: 'voice', key: voice.name },
      h('input',
        { type: 'checkbox', checked: !desk.left.has(voice.name), disabled: voice.kind === 'adapter' && voice.status !== 'loaded',
          after: (node) => { node.checked = !desk.left.has(voice.name); },
        onchange: (event) => {
          if (event.target.checked) desk.left.delete(voice.name);
          else desk.left.add(voice.name);
          page.draw();
        } }),
      h('span', null, voice.title), h('span', { class: 'note' }, voice.kind === 'base' ? 'base' : voice.status)))),
  h('details', { class: 'more' }, h('summary', null, 'Instructions for the model'),
    h('label', { class: 'field field-wide' }, h('span', { class: 'label' }, 'System message'),
      h('textarea', { rows: 2, value: desk.system, oninput: field('system') }))),
  h('label', { class: 'field field-wide' }, h('span', { class: 'label' }, 'Question'),
    h('textarea',
      { id: 'question', rows: 3, value: desk.question, required: true, 'aria-describedby': 'question-keys', oninput: field('question'),
      onkeydown: (event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
      } })),
  h('div', { class: 'buttons' },
    h('button', { type: 'submit', class: 'main-button', disabled: busy || !asked.length || !desk.question.trim() },
      ['Ask', 'Ask', 'Ask both'][asked.length] ?? `Ask all ${asked.length}`),
    h('button', { type: 'button', id: 'stop', disabled: !busy, onclick: stopAll }, 'Stop'),
    h('span', { class: 'note', id: 'question-keys' }, 'Ctrl + Enter asks as well.')));
  const shown = desk.deployment === deployment.id ? desk.answers : [];
  if (shown.length === 0) return form;
  const side = { class: 'answers', role: 'group', 'aria-label': 'Answers side by side', vars: { '--answers': String(shown.length) } };
  return [form, h('div', side, shown.map(column))];
}
