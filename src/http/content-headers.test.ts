import { validateHeaderValue } from 'node:http';
import { parse } from 'content-disposition';
import { describe, expect, it } from 'vitest';
import { contentHeaders, type Disposition } from './content-headers.ts';

const file = { originalName: 'cat.png', mimeType: 'image/png', isPublic: false };
const dispositionOf = (originalName: string, disposition: Disposition = 'attachment') =>
  contentHeaders({ ...file, originalName }, disposition)['Content-Disposition'] ?? '';
const nameOf = (originalName: string) => parse(dispositionOf(originalName)).parameters.filename;
const typeOf = (mimeType: string) => contentHeaders({ ...file, mimeType }, 'inline')['Content-Type'];
const shown = (mimeType: string) =>
  contentHeaders({ ...file, mimeType }, 'inline')['Content-Disposition']?.startsWith('inline');

describe('contentHeaders', () => {
  it('says all there is to say of a private picture', () => {
    expect(contentHeaders(file, 'inline')).toEqual({
      'Content-Type': 'image/png',
      'Content-Disposition': 'inline; filename=cat.png',
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "sandbox; default-src 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Accept-Ranges': 'bytes',
      'Cache-Control': 'private, no-cache, no-transform',
    });
  });

  it('lets shared caches keep a public file, but for a minute only', () => {
    expect(contentHeaders({ ...file, isPublic: true }, 'inline')['Cache-Control']).toBe(
      'public, max-age=60, must-revalidate, no-transform',
    );
    expect(contentHeaders(file, 'inline', { isSignedUrl: true })['Cache-Control']).toMatch(
      /^private, no-cache/,
    );
  });

  it('lets other origins embed what is public or was given to them by a signed URL, and nothing else', () => {
    const policy = 'Cross-Origin-Resource-Policy';
    expect(contentHeaders({ ...file, isPublic: true }, 'inline')[policy]).toBe('cross-origin');
    expect(contentHeaders(file, 'inline', { isSignedUrl: true })[policy]).toBe('cross-origin');
    expect(contentHeaders(file, 'inline', { isSignedUrl: false })[policy]).toBe('same-origin');
  });

  it('saves an inert file when that was asked', () => {
    expect(dispositionOf('cat.png', 'attachment')).toBe('attachment; filename=cat.png');
  });
});

describe('Content-Disposition', () => {
  it.each(['image/png', 'image/jpeg', 'image/webp', 'IMAGE/GIF', 'audio/mpeg', 'video/mp4', 'text/plain'])(
    'shows %s inline when asked',
    (mimeType) => expect(shown(mimeType)).toBe(true),
  );

  it.each([
    'text/html',
    'TEXT/HTML',
    ' text/html ; charset=utf-8',
    'application/xhtml+xml',
    'image/svg+xml',
    'application/xml',
    'text/xml',
    'application/rss+xml',
    'text/xsl',
    'application/pdf',
    'text/javascript',
    'application/javascript',
    'text/css',
    'text/cache-manifest',
    'message/rfc822',
    'multipart/related',
    'application/x-mimearchive',
    'multipart/x-mixed-replace',
    'application/wasm',
    'application/x-shockwave-flash',
    'application/vnd.apple.mpegurl',
    'audio/mpegurl',
    'application/octet-stream',
    'image/unheard-of',
    'toString',
    '',
  ])('never shows %j inline', (mimeType) => expect(shown(mimeType)).toBe(false));

  it('gives plain names back as they are', () => {
    for (const name of [
      'cat.png',
      'my cat (1).png',
      "it's 100%.txt",
      'a%41.txt',
      '100%25.txt',
      'a;b=c,d.txt',
      'żółć.txt',
      '猫.png',
      '.env',
    ]) {
      expect(nameOf(name), name).toBe(name);
    }
  });

  it('escapes quotes', () => {
    expect(dispositionOf('a"b.txt')).toBe('attachment; filename="a\\"b.txt"');
    expect(nameOf('"; filename=evil.exe; x="')).toBe('"; filename=evil.exe; x="');
  });

  it('turns line ends and all other control characters into underscores', () => {
    expect(nameOf('a\r\nSet-Cookie: x=1\r\n\r\n.txt')).toBe('a__Set-Cookie: x=1____.txt');
    expect(nameOf('a\0\t\u001b\u007f\u0085\u2028\u2029b')).toBe('a_______b');
  });

  it('leaves no path in a name', () => {
    expect(nameOf('../../etc/passwd')).toBe('.._.._etc_passwd');
    expect(nameOf('C:\\Windows\\win.ini')).toBe('C:_Windows_win.ini');
    expect(nameOf('/')).toBe('_');
  });

  it('names what has no usable name', () => {
    for (const name of ['', ' ', '.', '..', '...', '\u202e', ' .. ', '\u200f\u200e']) {
      expect(nameOf(name), JSON.stringify(name)).toBe('download');
    }
  });

  it('drops the controls that reverse how a name reads', () => {
    expect(nameOf('photo\u202egpj.exe')).toBe('photogpj.exe');
    expect(nameOf('\u2066\u061ca\u2069\u200fb.txt')).toBe('ab.txt');
  });

  it('replaces lone surrogates and keeps whole pairs', () => {
    expect(nameOf('a\ud83d.txt')).toBe('a\ufffd.txt');
    expect(nameOf('\udc00\ud800')).toBe('\ufffd\ufffd');
    expect(nameOf('😀.png')).toBe('😀.png');
    expect(nameOf('👩‍👩‍👧.png')).toBe('👩‍👩‍👧.png');
  });

  it('cuts long names to 255 units, keeps their extension and halves no character', () => {
    expect(nameOf(`${'a'.repeat(300)}.jpeg`)).toBe(`${'a'.repeat(250)}.jpeg`);
    expect(nameOf('a'.repeat(300))).toBe('a'.repeat(255));
    expect(nameOf('😀'.repeat(255))).toBe('😀'.repeat(127));
    expect(nameOf(`${'😀'.repeat(255)}.png`)).toBe(`${'😀'.repeat(125)}.png`);
    expect(nameOf(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(253)}`);
    expect(nameOf('猫'.repeat(255))).toBe('猫'.repeat(255));
  });

  it('is a short, valid, one-line header for every name', () => {
    const pieces = [
      '"',
      '\\',
      '\r\n',
      '\0',
      '%',
      '%0d%0a',
      "'",
      '*',
      ';',
      '=',
      ',',
      '/',
      '..',
      '😀',
      '\ud800',
      '\udfff',
    ];
    pieces.push('\u202e', '\u0085', 'ÿ', '猫', '\ufeff', '\u{10ffff}', '\uffff', 'a', ' ', "UTF-8''x");
    for (const a of pieces) {
      for (const b of pieces) {
        for (const name of [a + b, (a + b).repeat(150), `${a}.${b}`]) {
          const header = dispositionOf(name, 'inline');
          expect(
            () => validateHeaderValue('Content-Disposition', header),
            JSON.stringify(name),
          ).not.toThrow();
          expect(header, JSON.stringify(name)).toMatch(/^inline; filename[\x20-\x7e]+$/);
          expect(header.length).toBeLessThan(3072);
        }
      }
    }
  });

  it('shortens a megabyte without backtracking into it', () => {
    const before = performance.now();
    for (const piece of ['a', '.', ' ', '. ', '\u202e', '/', '\ud800'])
      dispositionOf(`${piece.repeat(1 << 20)}x`);
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe('Content-Type', () => {
  it('is the stored type in lower case', () => {
    expect(typeOf('Image/PNG')).toBe('image/png');
    expect(typeOf(' image/png ')).toBe('image/png');
    expect(typeOf('application/vnd.oasis.opendocument.text')).toBe('application/vnd.oasis.opendocument.text');
  });

  it('guesses no charset and keeps only a stored one, of a text', () => {
    expect(typeOf('text/plain')).toBe('text/plain');
    expect(typeOf('text/plain; charset=UTF-8')).toBe('text/plain; charset=utf-8');
    expect(typeOf('text/plain;format=flowed;charset="iso-8859-1"')).toBe('text/plain; charset=iso-8859-1');
    expect(typeOf('image/png; charset=utf-8')).toBe('image/png');
  });

  it('drops every other parameter', () => {
    expect(typeOf('image/png; q=1')).toBe('image/png');
    expect(typeOf('multipart/related; boundary=x; type="text/html"')).toBe('multipart/related');
    expect(typeOf('text/plain; charset=utf-8\r\nSet-Cookie: a=b')).toBe('text/plain');
    expect(typeOf('text/plain; charset=')).toBe('text/plain');
    expect(typeOf('text/plain; charset="a;b"')).toBe('text/plain');
  });

  it.each([
    '',
    'png',
    'image/',
    '/png',
    'image/png/x',
    'image /png',
    'image/png, text/html',
    'text/html\r\nX: y',
    'image/png\0',
    'ımage/png',
    '*/*',
    'image/*',
    '<script>/x',
    'constructor',
    `image/${'x'.repeat(128)}`,
    '"image/png"',
  ])('is application/octet-stream instead of %j', (mimeType) => {
    expect(typeOf(mimeType)).toBe('application/octet-stream');
  });
});
