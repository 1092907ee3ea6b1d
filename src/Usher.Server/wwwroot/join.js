// Takes the code out of a mailed link and sends the form that is there for people without script.
// The part of an address behind # never reaches a server by itself, and is removed here so that it stays in no history.
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
// The link pasted into a window that shows this page already.
addEventListener('hashchange', takeCode);
// Back to a page the browser has kept.
addEventListener('pageshow', event => event.persisted && show(false));
