import type { AuditEvent } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import { parseId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import type { AuditListing } from '../../admin/audit-listing.ts';
import { type CountedPage, type ForwardRequest, pageSize } from '../../forward-page.ts';
import type { SignedCursors } from '../../signed-cursors.ts';
import type { Viewer } from '../../viewer.ts';
import type { ManyPermissions } from '../permissions/many-permissions.ts';
import { type ShownLink, withTargets } from './link-targets.ts';

/** Which links to list: those to one file or one folder, or with neither all that the viewer made. */
export interface LinkCriteria {
  readonly fileId?: string | null | undefined;
  readonly folderId?: string | null | undefined;
}

const LIST = 'shares';

/** Lists links, ended ones too, and what became of them. */
export class LinkListing {
  private readonly collections: Pick<Collections, 'shares' | 'files' | 'folders'>;
  private readonly many: Pick<ManyPermissions, 'allowed'>;
  private readonly cursors: SignedCursors;
  private readonly trail: Pick<AuditListing, 'page'>;

  constructor(
    collections: Pick<Collections, 'shares' | 'files' | 'folders'>,
    many: Pick<ManyPermissions, 'allowed'>,
    cursors: SignedCursors,
    trail: Pick<AuditListing, 'page'>,
  ) {
    this.collections = collections;
    this.many = many;
    this.cursors = cursors;
    this.trail = trail;
  }

  /** The viewer’s links, the newest first; of a file or a folder of their own also those that others made. */
  async page(
    viewer: Pick<Viewer, 'userId'>,
    { fileId, folderId }: LinkCriteria,
    request: ForwardRequest,
  ): Promise<CountedPage<ShownLink>> {
    const { userId } = viewer;
    const size = pageSize(request.first);
    const place = this.cursors.decode(LIST, request.after);
    const targets = [fileId, folderId].filter((id) => id != null).map(parseId);
    const isOfTarget = targets.length > 0;
    // A link leads to one thing: none leads to both a file and a folder, nor to what cannot be an id.
    const target = targets.length === 1 ? targets[0] : null;
    const filter = isOfTarget ? { target, $or: [{ userId }, { createdBy: userId }] } : { createdBy: userId };
    const beyond = place ? { _id: { $lt: parseId(place[0]) } } : {};
    const hint = isOfTarget ? 'of_target' : 'made_by';
    const { collections, many } = this;
    const { shares } = collections;
    const found = (await shares
      .find({ ...filter, ...beyond } as never)
      .hint(hint)
      .sort({ _id: -1 })
      .limit(size + 1)
      .lean()) as ShareLink[];
    return {
      nodes: await withTargets({ collections, many }, viewer, found.slice(0, size)),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ id }) => this.cursors.encode(LIST, [id]),
      count: () => shares.countDocuments(filter as never).hint(hint),
    };
  }

  /** What became of a link, the newest first; as long as the audit trail remembers. */
  events({ _id }: Pick<ShareLink, '_id'>, request: ForwardRequest): Promise<CountedPage<AuditEvent>> {
    return this.trail.page({ targetId: _id.toHexString() }, request);
  }
}
