import { SecondFactorService } from '../../../src/services/credentials/second-factor.ts';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../accounts.ts';
import type { TestDatabase } from '../database.ts';
import { codeOf } from '../one-time-code.ts';
import { countedLimits, type FactorSettings } from '../second-factors.ts';

/** How long a code is shown, in milliseconds. */
export const PERIOD = 30_000;

/** One account and nodes that know its second factor, at a time that the test sets. */
export class FactorStage {
  clock = 1_800_000_000_000;
  readonly limits = countedLimits();
  readonly node: ReturnType<FactorStage['nodeOf']>;
  readonly database: TestDatabase;
  readonly ann: SignedIn;
  readonly viewer: Viewer;

  private constructor(database: TestDatabase, ann: SignedIn, viewer: Viewer) {
    this.database = database;
    this.ann = ann;
    this.viewer = viewer;
    this.node = this.nodeOf();
  }

  static async begin(database: TestDatabase): Promise<FactorStage> {
    const { accounts, viewerOf } = accountServices(database.collections);
    const ann = await accounts.register(newAccount(), CLIENT);
    return new FactorStage(database, ann, await viewerOf(ann));
  }

  /** One node: its accounts, and the service of their second factors. */
  nodeOf(settings: FactorSettings = {}) {
    const { collections } = this.database;
    const { limits } = this;
    const services = accountServices(collections, { now: () => this.clock, limits, ...settings });
    const { accounts, sessions, factors } = services;
    const secondFactor = new SecondFactorService({
      users: collections.users,
      sessions,
      ...factors,
      issuer: 'imaginaryStorage',
      prove: (userId, password, field) => accounts.provePassword(userId, password, field),
    });
    return { ...services, secondFactor };
  }

  /** Logs in with this code, whatever it is. */
  login(code?: unknown, password = PASSWORD, on = this.node): Promise<SignedIn> {
    const emailOrUsername = this.ann.user.username;
    return on.accounts.login({ emailOrUsername, password, code: code as string }, CLIENT);
  }

  /** What is stored of the second factor. */
  async stored() {
    const { users } = this.database.collections;
    const user = await users.findById(this.ann.user._id).select('+secondFactor').orFail().lean();
    return user.secondFactor;
  }

  /** How often the trail has this act. */
  acts(action: string): Promise<number> {
    const { auditEvents } = this.database.collections;
    return auditEvents.countDocuments({ action, subjectId: this.ann.user._id } as never);
  }

  /** Switches a second factor on; the code for it is used up, so the clock goes on. */
  async switchOn(): Promise<{ secret: string; codes: string[] }> {
    const { secret } = await this.node.secondFactor.begin(this.viewer, PASSWORD);
    const codes = await this.node.secondFactor.confirm(this.viewer, this.code(secret));
    this.clock += PERIOD;
    return { secret, codes };
  }

  /** What an authenticator app shows, whose clock is off by so many periods. */
  code(secret: string, periods = 0): string {
    return codeOf(secret, this.clock + periods * PERIOD);
  }
}
