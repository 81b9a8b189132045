import { type AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId } from '../../models/object-id.ts';
import { GroupCommit } from '../group-commit.ts';
import { currentRequest } from '../request-facts.ts';
import type { RunsFor } from '../viewer.ts';

/** What is told of an act; where it came from is known from the request it belongs to. */
export interface Act {
  readonly action: AuditAction;
  /** DONE unless it was refused. */
  readonly outcome?: AuditOutcome;
  /** Who did it, where that is known. */
  readonly by?: RunsFor | null;
  /** The account it was done to; the actor’s own unless told. */
  readonly subject?: ObjectId | null;
  /** The file, session or key it was done to. */
  readonly target?: ObjectId | null;
  /** What else is worth knowing: never a secret, never more than a few words. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

type Stored = ReturnType<typeof storedOf>;

const USER_AGENT_LENGTH = 300;

/** The trail of acts that matter for security: added to, never changed. */
export class AuditTrail {
  private readonly onProblem: (error: unknown, act: Act) => void;
  // Many acts at once cost one write.
  private readonly inserts: GroupCommit<Stored, null>;

  /** `onProblem` hears of acts that could not be noted. */
  constructor(events: Collections['auditEvents'], onProblem: (error: unknown, act: Act) => void) {
    this.onProblem = onProblem;
    this.inserts = new GroupCommit(async (group) => {
      await events.collection.insertMany(group as never, { ordered: false });
      return group.map(() => null);
    });
  }

  /** Notes an act that has happened; resolves once it is stored. Never rejects, since the act stands in any case. */
  async record(act: Act): Promise<void> {
    try {
      await this.inserts.add(storedOf(act));
    } catch (error) {
      this.onProblem(error, act);
    }
  }
}

function storedOf(act: Act) {
  const { action, outcome = AuditOutcome.DONE, by = null, target = null, details = null } = act;
  const request = currentRequest();
  return {
    // Given here, so that ids, by which the trail is ordered and cut, tell the time of the act and not of its storing.
    _id: new ObjectId(),
    action,
    outcome,
    actorId: by?.userId ?? null,
    subjectId: act.subject === undefined ? (by?.userId ?? null) : act.subject,
    ...(target && { targetId: target }),
    apiKeyId: by?.key?.id ?? null,
    ip: request?.ip ?? null,
    userAgent: request?.userAgent?.slice(0, USER_AGENT_LENGTH) ?? null,
    requestId: request?.requestId ?? null,
    details,
    createdAt: new Date(),
  };
}
