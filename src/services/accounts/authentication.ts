import type { Viewer } from '../viewer.ts';
import type { SessionService } from './sessions.ts';

/** Whom a Bearer token speaks for, whatever kind of token it is. */
export class Authentication {
  private readonly sessions: SessionService;

  constructor(sessions: SessionService) {
    this.sessions = sessions;
  }

  /** The viewer of a live session or a live API key whose account is active; rejects with UNAUTHENTICATED. */
  async authenticate(bearer: string): Promise<Viewer> {
    return this.sessions.authenticate(bearer);
  }
}
