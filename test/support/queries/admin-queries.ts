import type { Wired } from '../../../src/app/services.ts';
import { AuditAction, AuditOutcome } from '../../../src/models/audit-event.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { removeEventsBefore } from '../../../src/services/audit/audit-retention.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

const SILENT = new AbortController().signal;

/** Makes every query that administrators, the audit trail and the watch over what runs make. */
export async function askAdmin(
  { services, watch }: Wired,
  collections: Collections,
  viewer: Viewer,
): Promise<void> {
  const { administration, accountListing, auditListing, storageReports } = services;
  const id = viewer.userId.toHexString();
  for (const search of [null, 'own', 'owner@'])
    await (await accountListing.page(search, { first: 1 })).count();
  await administration.setRole(viewer, id, Role.ADMIN);
  await administration.setRole(viewer, id, Role.USER).catch(() => undefined);
  await administration.setActive(viewer, id, false).catch(() => undefined);
  await administration.setQuota(viewer, id, 10 ** 12);
  await administration.setQuota(viewer, id, null);
  await storageReports.get();
  const filters = [
    ...[{}, { action: AuditAction.REGISTERED }, { outcome: AuditOutcome.REFUSED }, { actorId: id }],
    ...[{ subjectId: id }, { targetId: id }, { since: new Date(0), until: new Date() }],
  ];
  for (const filter of filters) await (await auditListing.page(filter, { first: 1 })).count();
  await collections.auditEvents.collection.insertOne({
    _id: ObjectId.createFromTime(1),
    action: 'OLD',
  } as never);
  await removeEventsBefore(collections.auditEvents, new Date(10_000), SILENT);
  const { release } = watch.during({ ...viewer, key: { id: new ObjectId() } });
  await watch.check();
  release();
}
