// The dialog that asks for a token, when the server wants to know who is there.
import { token } from './api.js';
import { h, say } from './dom.js';

const state = { isOpen: false, isDeclined: false, reason: '' };

export function askForToken(draw) {
  if (state.isOpen) return;
  state.isOpen = true;
  draw();
}

// Asked by the server. Whoever has said "not now" is not asked again and again.
export function tokenIsNeeded(draw, reason) {
  state.reason = token.get() ? reason : '';
  if (!state.isDeclined) askForToken(draw);
}

export function tokenDialog(draw) {
  if (!state.isOpen) return null;
  const close = () => {
    state.isOpen = false;
    state.isDeclined = true;
    draw();
  };
  const give = (value) => {
    token.set(value);
    say(value ? 'The token is used from now on.' : 'The token is forgotten.');
    close();
    state.isDeclined = false;
  };
  return h('dialog',
    { class: 'dialog', 'aria-labelledby': 'token-title', key: 'token', onclose: close, after: (node) => node.open || node.showModal() },
    h('form', { onsubmit: (event) => {
      event.preventDefault();
      give(new FormData(event.target).get('token').trim());
    } },
    h('h2', { id: 'token-title' }, 'Who is there?'),
    h('p', null, 'This server asks for a token, such as ', h('code', null, 'luthier token create'),
      ' makes. It stays in this tab, and is gone when the tab is closed.'),
    state.reason ? h('p', { class: 'reason' }, state.reason) : null,
    h('label', { class: 'field field-wide' }, h('span', { class: 'label' }, 'Token'),
      h('input', { type: 'password', name: 'token', required: true, autocomplete: 'off', spellcheck: 'false' })),
    h('div', { class: 'buttons' },
      h('button', { type: 'submit', class: 'main-button' }, 'Use it'),
      token.get() ? h('button', { type: 'button', onclick: () => give('') }, 'Forget the present one') : null,
      h('button', { type: 'button', onclick: close }, 'Not now'))));
}
