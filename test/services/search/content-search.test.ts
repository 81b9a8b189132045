import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Signer } from '../../../src/auth/signatures.ts';
import { endIdleChildren } from '../../../src/isolated/isolated-work.ts';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { FileCursors } from '../../../src/services/files/file-cursors.ts';
import { FileListing } from '../../../src/services/files/file-listing.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { ContentSearch } from '../../../src/services/search/content-search.ts';
import { FileSearch } from '../../../src/services/search/file-search.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { scopesOf, someone } from '../../support/nodes/folder-node.ts';
import { zipOf } from '../../support/plain-zip.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

const SIGNAL = new AbortController().signal;
const BY_RELEVANCE = { field: 'relevance', direction: -1 } as const;
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const ODT = 'application/vnd.oasis.opendocument.text';
const stored = new Map<string, Buffer>();
const errors: unknown[] = [];

let database: TestDatabase;
let contents: ContentSearch;
let listing: FileListing;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  const { collections } = database;
  const open = async ({ _id }: { _id: ObjectId }, range?: { start: number; end: number }) => {
    const bytes = stored.get(String(_id)) ?? Buffer.alloc(0);
    return Readable.from([bytes.subarray(range?.start, range && range.end + 1)]);
  };
  contents = new ContentSearch({
    collections,
    reader: { open },
    timeoutMs: 10_000,
    onError: (error) => errors.push(error),
  });
  const cursors = new FileCursors(new Signer(['secret'], 'cursors'));
  listing = new FileListing(
    collections.files,
    cursors,
    scopesOf(collections),
    new FileSearch(collections.files, true),
  );
  viewer = await someone(collections);
});
afterAll(async () => {
  await endIdleChildren();
  await database.close();
});

const store = async (
  name: string,
  mimeType: string,
  content: string | Buffer,
  changes = {},
  blobChanges = {},
) => {
  const blob = new ObjectId();
  const bytes = Buffer.from(content);
  stored.set(String(blob), bytes);
  await database.collections.blobs.collection.insertOne({
    ...{
      _id: blob,
      hash: String(blob),
      size: bytes.length,
      key: String(blob),
      provider: 'local',
      location: '/x',
    },
    ...{ refCount: 1, live: true, createdAt: new Date(), updatedAt: new Date(), ...blobChanges },
  } as never);
  const file = fileOf(viewer.userId, name, { mimeType, blob, ...changes });
  await insert(database.collections, [file]);
  return file;
};
const lookInto = async () => {
  await contents.markAll(SIGNAL);
  return contents.run(SIGNAL);
};
const found = async (search: string) =>
  (await listing.own(viewer, { search }, BY_RELEVANCE, {})).files.map(({ originalName }) => originalName);

it('Words inside of texts, marked texts and office documents find their files, after those of names', async () => {
  await store('a.txt', 'text/plain', 'Nobody expects the Überraschung');
  await store('b.md', 'text/markdown', '# Heading\n\nmarkdownish');
  await store(
    'c.html',
    'text/html',
    '<p>vis<b>ible</b></p><script>var unseen;</script><!-- remark -->&Uuml;&#228;x',
  );
  await store(
    'd.docx',
    DOCX,
    zipOf({
      'word/document.xml': '<w:p><w:r><w:t>run</w:t></w:r><w:r><w:t>away</w:t></w:r></w:p><w:p>next</w:p>',
    }),
  );
  await store(
    'e.odt',
    ODT,
    zipOf({ 'content.xml': '<text:p>opendocument</text:p><text:p>paragraph</text:p>' }),
  );
  await store('expects.txt', 'text/plain', 'x');
  expect(await lookInto()).toBe(6);
  expect(await found('expects')).toEqual(['expects.txt', 'a.txt']);
  expect(await found('uberr')).toEqual(['a.txt']);
  expect(await found('markdownish b')).toEqual(['b.md']);
  expect(await found('visible')).toEqual(['c.html']);
  expect(await found('unseen')).toEqual([]);
  expect(await found('remark')).toEqual([]);
  expect(await found('runaway next')).toEqual(['d.docx']);
  expect(await found('opendocument')).toEqual(['e.odt']);
  expect(errors).toEqual([]);
  expect(await lookInto()).toBe(0);
});

it('Bombs, damaged documents and what is no text cost no more than their own words', async () => {
  const bomb = zipOf({ 'word/document.xml': Buffer.alloc(200 * 1024 * 1024, '<') });
  const deep = zipOf({
    'content.xml': `<!DOCTYPE a [<!ENTITY b "bombastic">]><text:p>&b; kept</text:p>${'<'.repeat(1e6)}`,
  });
  await store('bomb.docx', DOCX, bomb);
  await store('deep.odt', ODT, deep);
  await store('damaged.docx', DOCX, 'PK no zip');
  await store('bytes.txt', 'text/plain', Buffer.from([0xff, 0x00, 0x80, 0x41]));
  await store('many.txt', 'text/plain', Array.from({ length: 5_000 }, (_, i) => `w${i}`).join(' '));
  await store('picture.png', 'image/png', 'no text');
  const began = performance.now();
  expect(await lookInto()).toBe(5);
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(await found('bombastic')).toEqual([]);
  expect(await found('kept')).toEqual(['deep.odt']);
  expect(await found('w1999')).toEqual(['many.txt']);
  expect(await found('w2000')).toEqual([]);
  expect(errors.map((error) => (error as { code: string }).code)).toEqual(['BAD_USER_INPUT']);
}, 60_000);

it('Words of encrypted, infected and unscanned contents are not kept', async () => {
  await store('sealed.txt', 'text/plain', 'confidential', {}, { encryption: { keyId: 'k' } });
  await store('ill.txt', 'text/plain', 'confidential', {}, { threat: 'Eicar' });
  await store('unseen.txt', 'text/plain', 'confidential', { isAwaitingScan: true });
  await lookInto();
  expect(await found('confidential')).toEqual([]);
  expect(await contents.isNeeded()).toBe(false);
});

it('A new content is looked into by itself, and its words replace those of the old one', async () => {
  const events = new FileEvents();
  const { promise, resolve } = Promise.withResolvers<void>();
  const unfollow = contents.follow(events, resolve);
  const file = await store('versioned.txt', 'text/plain', 'formerly');
  const next = await store('other.txt', 'text/plain', 'afterwards', { isDeleted: true });
  await lookInto();
  expect(await found('formerly')).toEqual(['versioned.txt']);
  await database.collections.files.updateOne({ _id: file._id }, { blob: next.blob });
  events.tell(FileChangeKind.UPDATED, file);
  await promise;
  unfollow();
  const plans = new QueryPlans(database.connection);
  await plans.expectIndexed(async () => {
    expect(await contents.isNeeded()).toBe(true);
    await contents.run(SIGNAL);
  });
  expect(plans.used).toContain('files.content_words_due');
  expect([await found('formerly'), await found('afterwards')]).toEqual([[], ['versioned.txt']]);
});

it('Nobody but the owner searches contents, nor does the public', async () => {
  await store('public.txt', 'text/plain', 'insideonly', { isPublic: true });
  await lookInto();
  expect(await found('insideonly')).toEqual(['public.txt']);
  const seen = await listing.published({ search: 'insideonly' }, BY_RELEVANCE, {});
  expect(seen.files).toEqual([]);
});
