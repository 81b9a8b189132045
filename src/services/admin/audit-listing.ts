import { AppError } from '../../errors.ts';
import { type AuditAction, type AuditEvent, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import { type CountedPage, type ForwardRequest, pageSize } from '../forward-page.ts';
import type { SignedCursors } from '../signed-cursors.ts';
import { withId } from '../with-id.ts';

/** Which events to show; an absent or null field does not filter. */
export interface AuditCriteria {
  readonly action?: AuditAction | null | undefined;
  readonly outcome?: AuditOutcome | null | undefined;
  readonly actorId?: string | null | undefined;
  readonly subjectId?: string | null | undefined;
  readonly targetId?: string | null | undefined;
  readonly since?: Date | null | undefined;
  readonly until?: Date | null | undefined;
}

const LIST = 'auditEvents';
// That one first whose events are the fewest: a file has fewer than an account, an account fewer than an act.
const INDEXES = [
  ['targetId', 'by_target'],
  ['actorId', 'by_actor'],
  ['subjectId', 'by_subject'],
  ['action', 'by_action'],
] as const;

/** The audit trail as administrators read it: the newest events first, paged by key. */
export class AuditListing {
  private readonly events: Collections['auditEvents'];
  private readonly cursors: SignedCursors;

  constructor(events: Collections['auditEvents'], cursors: SignedCursors) {
    this.events = events;
    this.cursors = cursors;
  }

  /** One page of the events that meet every criterion; BAD_USER_INPUT for an id that cannot be one. */
  async page(criteria: AuditCriteria, request: ForwardRequest): Promise<CountedPage<AuditEvent>> {
    const size = pageSize(request.first);
    const conditions = conditionsOf(criteria);
    const hint = indexFor(criteria);
    const place = this.cursors.decode(LIST, request.after);
    const beyond = place ? [{ _id: { $lt: parseId(place[0]) } }] : [];
    const found = await this.events.collection
      .find({ $and: [...conditions, ...beyond] } as never, { hint })
      .sort({ _id: -1 })
      .limit(size + 1)
      .toArray();
    const nodes = found.slice(0, size).map((event) => withId(event as unknown as AuditEvent));
    return {
      nodes,
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ id }) => this.cursors.encode(LIST, [id]),
      count: () => this.events.collection.countDocuments({ $and: conditions } as never, { hint }),
    };
  }
}

function conditionsOf(criteria: AuditCriteria): object[] {
  const { action, outcome, since, until } = criteria;
  const conditions: object[] = [{ _id: idsBetween(since, until) }];
  if (action) conditions.push({ action });
  if (outcome) conditions.push({ outcome });
  for (const name of ['actorId', 'subjectId', 'targetId'] as const) {
    if (criteria[name] != null) conditions.push({ [name]: idOf(criteria[name], name) });
  }
  if (since) conditions.push({ createdAt: { $gte: since } });
  if (until) conditions.push({ createdAt: { $lt: until } });
  return conditions;
}

/** Ids begin with their second, so that a time bounds them as it bounds the events, but for parts of a second. */
function idsBetween(since: Date | null | undefined, until: Date | null | undefined) {
  return {
    $gte: ObjectId.createFromTime(since ? secondOf(since) : 0),
    ...(until && { $lt: ObjectId.createFromTime(secondOf(until) + 1) }),
  };
}

const LAST_SECOND = 2 ** 32 - 2;
const secondOf = (date: Date) => Math.min(Math.max(Math.floor(date.getTime() / 1000), 0), LAST_SECOND);

function indexFor(criteria: AuditCriteria): string {
  const [, name] = INDEXES.find(([field]) => criteria[field] != null) ?? [];
  if (name) return name;
  return criteria.outcome === AuditOutcome.REFUSED ? 'refused' : '_id_';
}

function idOf(text: string, name: string): ObjectId {
  const id = parseId(text);
  if (id) return id;
  const field = `filter.${name}`;
  const message = 'must be an id, of 24 hex digits';
  throw new AppError('BAD_USER_INPUT', `${field} ${message}.`, { issues: [{ field, message }] });
}
