import { placeholder, withFiles } from './multipart-request.js';

/** The attached files by number; a number stays with its file until the file is removed. */
const files = new Map();

const list = document.querySelector('#attached');
const hint = document.querySelector('#attach-hint');

/** Lets the "Attach files" control fill in for "@file:N" in the variables of every request of this page. */
export function offerAttachments() {
  const picker = document.querySelector('#attach');
  picker.addEventListener('change', () => {
    for (const file of picker.files) files.set(freeNumber(), file);
    // Else choosing the same file again would not count as a change.
    picker.value = '';
    show();
  });

  const send = window.fetch.bind(window);
  window.fetch = async (input, init) => send(input, withFiles(init, files));
}

function freeNumber() {
  let number = 0;
  while (files.has(number)) number += 1;
  return number;
}

function show() {
  hint.hidden = files.size > 0;
  const numbered = [...files].sort(([one], [other]) => one - other);
  list.replaceChildren(...numbered.map(([number, file]) => chip(number, file)));
}

function chip(number, file) {
  const copy = button(
    'chip-copy',
    `"${placeholder(number)}"`,
    `Copy "${placeholder(number)}" for a variable`,
  );
  copy.addEventListener('click', () => copyValue(copy, number));

  const name = document.createElement('span');
  name.className = 'chip-name';
  name.textContent = file.name;
  name.title = `${file.name} (${file.size.toLocaleString()} bytes)`;

  const remove = button('chip-remove', '×', `Remove ${file.name}`);
  remove.addEventListener('click', () => {
    files.delete(number);
    show();
  });

  const item = document.createElement('li');
  item.append(copy, name, remove);
  return item;
}

function button(className, text, title) {
  const element = document.createElement('button');
  element.type = 'button';
  element.className = className;
  element.textContent = text;
  element.title = title;
  element.setAttribute('aria-label', title);
  return element;
}

async function copyValue(shown, number) {
  const value = `"${placeholder(number)}"`;
  // Pages without TLS have no clipboard, except on localhost; the value can still be read and typed.
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(value);
  shown.textContent = 'copied';
  setTimeout(() => {
    shown.textContent = value;
  }, 900);
}
