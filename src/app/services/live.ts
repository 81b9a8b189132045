import { FileAnnouncements } from '../../services/live/file-announcements.ts';
import { FileChanges } from '../../services/live/file-changes.ts';
import { LocalBus } from '../../services/live/live-bus.ts';
import { LivePlaces } from '../../services/live/live-places.ts';
import { UploadProgressService } from '../../services/live/upload-progress.ts';
import { UploadStandings } from '../../services/live/upload-standing.ts';
import { UploadStates } from '../../services/live/upload-states.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what people are told of as it happens. */
export function createLive(parts: AuditedParts) {
  const { collections, stores, tree, access, events, metrics, log, bus = new LocalBus() } = parts;
  const places = new LivePlaces();
  const observer = {
    delivered: () => metrics.liveEvents('delivered', 1),
    dropped: (count: number) => metrics.liveEvents('dropped', count),
  };
  metrics.gauge('subscriptions_open', 'Subscriptions that run now.', () => places.size);
  const fileChanges = new FileChanges({ collections, access, tree, bus, places, observer });
  new FileAnnouncements({
    grants: collections.grants,
    access,
    events,
    bus,
    isWanted: () => fileChanges.isWanted,
    failed: (err) => log.error({ err }, 'it could not be told who may hear of a file'),
  });
  const standings = new UploadStandings(collections, stores);
  return {
    services: {
      fileChanges,
      uploadProgress: new UploadProgressService({ standings, bus, places, observer }),
    },
    states: new UploadStates(collections.uploadStates, bus, (err) =>
      log.error({ err }, 'it could not be noted how an upload comes along'),
    ),
  };
}
