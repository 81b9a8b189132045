import type { ObjectId } from '../models/object-id.ts';
import type { Role } from '../models/user.ts';

/** Who is asking, as proved by a live session. */
export interface Viewer {
  readonly userId: ObjectId;
  readonly sessionId: ObjectId;
  readonly role: Role;
}

/** Where a request came from, by server facts only. */
export interface ClientFacts {
  readonly ip: string | null;
  readonly userAgent: string | null;
}
