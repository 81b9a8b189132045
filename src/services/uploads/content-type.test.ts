import { expect, test } from 'vitest';
import { detectType, essenceOf, requireAllowedType } from './content-type.ts';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
const ZIP = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

test.each([
  ['Text/HTML; charset=utf-8', 'text/html'],
  [' image/png ', 'image/png'],
  ['text', null],
  ['text/', null],
  ['a/b/c', null],
  ['text/<b>', null],
  [`text/${'x'.repeat(200)}`, null],
  ['', null],
])('the essence of %j is %j', (type, essence) => {
  expect(essenceOf(type)).toBe(essence);
});

test.each<[string, Uint8Array, string, string]>([
  ['magic bytes win', PNG, 'text/html', 'image/png'],
  ['a text is what it says', Buffer.from('a,b'), 'text/CSV', 'text/csv'],
  [
    'an image without its magic bytes is none',
    Buffer.from('<html>'),
    'image/png',
    'application/octet-stream',
  ],
  [
    'an SVG has no magic bytes of its own',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    'image/svg+xml',
    'image/svg+xml',
  ],
  ['a document that is a ZIP keeps its name', ZIP, DOCX, DOCX],
  ['a ZIP that says it is a page is a ZIP', ZIP, 'text/html', 'application/zip'],
  ['nothing at all is what it says', Buffer.alloc(0), 'text/plain', 'text/plain'],
  ['garbage is unknown', Buffer.from([1, 2]), '???', 'application/octet-stream'],
  ['a head that ends in the middle is no error', PNG.subarray(0, 9), 'image/png', 'application/octet-stream'],
])('%s', async (_what, head, declared, expected) => {
  expect(await detectType(head, declared)).toBe(expected);
});

test.each([
  ['text/html', [], [], true],
  ['text/html', ['text/*'], [], true],
  ['text/html', ['text/plain'], [], false],
  ['text/html', ['*/*'], ['text/html'], false],
  ['text/html', [], ['text/*'], false],
  ['textual/html', [], ['text/*'], true],
  ['image/svg+xml', ['image/*'], ['image/svg+xml'], false],
])('%s with %j allowed and %j blocked: %s', (essence, allowed, blocked, accepted) => {
  const check = () => requireAllowedType(essence, { allowed, blocked });
  if (accepted) check();
  else expect(check).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }));
});
