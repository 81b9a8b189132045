import { describe, expect, it } from 'vitest';
import { ObjectId } from '../../models/object-id.ts';
import { ArchivePaths, safeName } from './archive-names.ts';

describe('A name in an archive', () => {
  it.each([
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['/absolute', '_absolute'],
    ['C:\\Windows\\x', 'C__Windows_x'],
    ['a<b>:"|?*c', 'a_b______c'],
    ['tab\there\u0000', 'tab_here_'],
    ['cod.\u202Egpj.exe', 'cod.gpj.exe'],
    ['..', '_'],
    ['. ', '_'],
    ['', '_'],
    ['CON', '_CON'],
    ['lpt1.txt', '_lpt1.txt'],
    ['console.txt', 'console.txt'],
    ['ends. . ', 'ends_'],
    ['grüße 日本.txt', 'grüße 日本.txt'],
  ])('is one that every system takes: %j is %j', (name, safe) => {
    expect(safeName(name)).toBe(safe);
  });

  it('has at most 240 bytes and keeps its extension', () => {
    const name = safeName(`${'日'.repeat(255)}.jpeg`);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(240);
    expect(name).toMatch(/^日+\.jpeg$/);
  });
});

describe('The paths of an archive', () => {
  it('number what has a name already, whatever its case, in each folder by itself', () => {
    const flat = new ArchivePaths([]);
    const names = ['a.txt', 'A.TXT', 'a.txt', 'a (2).txt', 'b'].map((name) => flat.file(null, name));
    expect(names).toEqual(['a.txt', 'A (2).TXT', 'a (3).txt', 'a (2) (2).txt', 'b']);
  });

  it('lie below the folder that is asked for, a file never under the name of a folder', () => {
    const [top, inner] = [new ObjectId(), new ObjectId()];
    const paths = new ArchivePaths([
      { _id: top, name: 'Trip: 2026', parent: null },
      { _id: inner, name: 'x', parent: top },
    ]);
    expect(paths.file(inner, 'y')).toBe('Trip_ 2026/x/y');
    expect(paths.file(top, 'X')).toBe('Trip_ 2026/X (2)');
    expect(paths.of(inner)).toBe('Trip_ 2026/x');
  });

  it('number a hundred thousand files of one name in no time', () => {
    const flat = new ArchivePaths([]);
    const began = performance.now();
    for (let i = 1; i < 100_000; i += 1) flat.file(null, 'same.txt');
    expect(flat.file(null, 'same.txt')).toBe('same (100000).txt');
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
