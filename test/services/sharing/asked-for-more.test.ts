import { afterAll, beforeAll, expect, test } from 'vitest';
import { Passwords } from '../../../src/auth/passwords.ts';
import { Signer } from '../../../src/auth/signatures.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { ArchiveRequests } from '../../../src/services/files/archive-requests.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { ShareLinks } from '../../../src/services/sharing/links/share-links.ts';
import { AccessWatch } from '../../../src/services/sharing/permissions/access-watch.ts';
import { ManyPermissions } from '../../../src/services/sharing/permissions/many-permissions.ts';
import { UploadRequests } from '../../../src/services/sharing/requests/upload-requests.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { SharingStage } from '../../support/nodes/sharing-stage.ts';

const baseUrl = () => 'http://node.test';
const signer = new Signer(['a secret'], 'tests');

let database: TestDatabase;
let stage: SharingStage;
let links: ShareLinks;
let requests: UploadRequests;

beforeAll(async () => {
  database = await openTestDatabase();
  stage = new SharingStage(database);
  const common = {
    ...{ collections: database.collections, access: stage.access, limits: NO_LIMITS, baseUrl },
    ...{ many: new ManyPermissions(stage.access), passwords: new Passwords(), watch: new AccessWatch() },
    ...{ audit: { record: async () => undefined }, events: new FileEvents(), needsVerifiedEmail: false },
    cursors: new SignedCursors(signer),
  };
  links = new ShareLinks(common);
  requests = new UploadRequests(common);
});
afterAll(() => database.close());

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    ({ code, message }) => code ?? message,
  );

test.each([Permission.VIEW, Permission.EDIT])(
  'links and upload requests are FORBIDDEN for who was given %s, and not there for strangers',
  async (permission) => {
    const [owner, friend, stranger] = [await stage.person(), await stage.person(), await stage.person()];
    const folder = await stage.folder(owner);
    const [file, open] = [await stage.file(owner, folder), await stage.file(owner, null, { isPublic: true })];
    await stage.give(owner, folder, friend, permission);
    for (const [who, code] of [
      [friend, 'FORBIDDEN'],
      [stranger, 'NOT_FOUND'],
      [owner, 'done'],
    ] as const) {
      expect(await codeOf(links.make(who, ShareKind.FILE, file.id))).toBe(code);
      expect(await codeOf(links.make(who, ShareKind.FOLDER, folder.id))).toBe(code);
      expect(await codeOf(requests.make(who, folder.id, {}))).toBe(code);
    }
    expect(await codeOf(links.make(friend, ShareKind.FILE, open.id))).toBe('NOT_FOUND');
  },
);

test('an archive of a folder is FORBIDDEN for who may only see it, and not there for strangers and nobody', async () => {
  const [owner, friend, stranger] = [await stage.person(), await stage.person(), await stage.person()];
  const folder = await stage.folder(owner);
  await stage.give(owner, folder, friend, Permission.VIEW);
  const open = (viewer: Viewer | null) =>
    new ArchiveRequests({
      ...{ collections: database.collections, access: stage.access, signer, baseUrl },
      archives: { ofFolder: async () => 'made' } as never,
      authentication: { authenticate: async () => viewer } as never,
      right: {} as never,
    }).open({ ids: null, folder: folder.id, bearer: viewer && 'token', link: { signature: undefined } });
  expect(await codeOf(open(friend))).toBe('FORBIDDEN');
  expect(await codeOf(open(stranger))).toBe('NOT_FOUND');
  expect(await codeOf(open(null))).toBe('NOT_FOUND');
  expect(await codeOf(open(owner))).toBe('done');
});
