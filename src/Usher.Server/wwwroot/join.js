// Takes the code from a mailed link and submits the form that people without scripts fill in themselves. The code is
// the URL's fragment, which browsers do not send to servers. It is removed, so that it is not kept in the history.
'use strict';

const form = document.getElementById('code-form');

function takeCode() {
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, '', location.pathname + location.search);
  if (!form) return;
  form.elements.code.value = code;
  show(true);
  form.requestSubmit();
}

function show(opening) {
  const note = document.getElementById('opening');
  if (!note) return;
  note.hidden = !opening;
  document.getElementById('by-hand').hidden = opening;
}

takeCode();
// The link was pasted into a window that already shows this page.
addEventListener('hashchange', takeCode);
// The browser went back to a page that it has kept.
addEventListener('pageshow', event => event.persisted && show(false));
