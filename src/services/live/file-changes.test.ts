import { expect, it } from 'vitest';
import { FileChangeKind } from '../../models/file-change.ts';
import { ObjectId } from '../../models/object-id.ts';
import type { Viewer } from '../viewer.ts';
import { FileChanges } from './file-changes.ts';
import { type FileNews, LocalBus } from './live-bus.ts';
import { LivePlaces, MOST_PER_ACCOUNT } from './live-places.ts';

const viewer = { userId: new ObjectId() } as Viewer;
const other = { userId: new ObjectId() } as Viewer;

/** Changes whose files are not looked at: what is purged leaves nothing to see. */
function changes() {
  const bus = new LocalBus();
  const places = new LivePlaces();
  const counted = { delivered: 0, dropped: 0 };
  const unasked = {} as never;
  const service = new FileChanges({
    ...{ collections: unasked, access: unasked, tree: unasked, bus, places },
    observer: {
      delivered: () => {
        counted.delivered += 1;
      },
      dropped: (events) => {
        counted.dropped += events;
      },
    },
  });
  const purge = (audience: string[] = []) => {
    const place = { folder: null, audience, at: Date.now() };
    const who = { file: new ObjectId().toHexString(), owner: viewer.userId.toHexString() };
    bus.publish({ type: 'file', kind: FileChangeKind.PURGED, ...who, ...place } satisfies FileNews);
  };
  return { bus, places, service, counted, purge };
}

const missed = expect.objectContaining({ code: 'CONFLICT', retryAfter: expect.any(Number) });

it('A subscriber that is 256 events behind is ended, with nothing kept for it, and no other one is', async () => {
  const { service, counted, purge, places } = changes();
  const slow = await service.subscribe(viewer, {});
  const quick = await service.subscribe(viewer, {});
  for (let i = 0; i < 256; i += 1) {
    purge();
    await quick.next();
  }
  expect(counted).toEqual({ delivered: 256, dropped: 0 });
  const next = quick.next();
  purge();
  expect(counted.dropped).toBe(257);
  await expect(slow.next()).rejects.toEqual(missed);
  expect((await next).value).toMatchObject({ kind: 'PURGED', file: null });
  expect([await slow.next(), places.size]).toEqual([{ done: true, value: undefined }, 1]);
});

it('Whoever may have missed something is ended, those that are named or everybody', async () => {
  const { bus, service } = changes();
  const one = await service.subscribe(viewer, {});
  const two = await service.subscribe(other, {});
  bus.publish({ type: 'missed', accounts: [viewer.userId.toHexString()] });
  await expect(one.next()).rejects.toEqual(missed);
  const waiting = two.next();
  bus.publish({ type: 'missed' });
  await expect(waiting).rejects.toEqual(missed);
  expect(service.isWanted).toBe(false);
});

it('Who is not among those that may hear of it does not', async () => {
  const { service, purge } = changes();
  const stranger = await service.subscribe(other, {});
  purge();
  purge([other.userId.toHexString()]);
  await stranger.next();
  const none = stranger.next();
  await stranger.return?.();
  expect(await none).toEqual({ done: true, value: undefined });
});

it('An account has 500 subscriptions, and those it gave back again', async () => {
  const { service, places } = changes();
  const all = await Promise.all(
    Array.from({ length: MOST_PER_ACCOUNT }, () => service.subscribe(viewer, {})),
  );
  await expect(service.subscribe(viewer, {})).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  await service.subscribe(other, {});
  await all[0]?.return?.();
  await all[0]?.return?.();
  await service.subscribe(viewer, {});
  expect(places.size).toBe(MOST_PER_ACCOUNT + 1);
});
