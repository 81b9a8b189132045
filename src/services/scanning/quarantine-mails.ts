import { letter } from '../../mail/letters.ts';
import type { Collections } from '../../models/collections.ts';
import { Role } from '../../models/user.ts';
import type { Outbox } from '../mail/outbox.ts';
import type { QuarantineNotice } from './quarantine-notices.ts';

// Whoever uploads infected files on purpose must not fill the administrators' mailboxes.
const REST_MS = 10 * 60_000;
const USEFUL_MS = 7 * 24 * 3_600_000;
const MOST_OWNERS = 1_000;

/** Mails to the administrators that something was found infected: of each owner’s files one in ten minutes at the most. */
export class QuarantineMails {
  private readonly users: Collections['users'];
  private readonly outbox: Pick<Outbox, 'post'>;
  private readonly mailedAt = new Map<string, number>();

  constructor(users: Collections['users'], outbox: Pick<Outbox, 'post'>) {
    this.users = users;
    this.outbox = outbox;
  }

  /** Puts the mails on their way. */
  async send(notice: QuarantineNotice): Promise<void> {
    if (this.rests(notice.owner.toHexString())) return;
    const administrators = await this.users.find({ role: Role.ADMIN, isActive: true }, { email: 1 }).lean();
    const uselessAfter = new Date(Date.now() + USEFUL_MS);
    for (const { _id, email } of administrators) {
      await this.outbox.post({ userId: _id, to: email, letter: letterOf(notice), uselessAfter });
    }
    this.mailedAt.set(notice.owner.toHexString(), performance.now());
  }

  private rests(owner: string): boolean {
    const now = performance.now();
    if (this.mailedAt.size >= MOST_OWNERS) {
      for (const [each, at] of this.mailedAt) if (now - at >= REST_MS) this.mailedAt.delete(each);
    }
    const at = this.mailedAt.get(owner);
    return at !== undefined && now - at < REST_MS;
  }
}

function letterOf({ file, owner, originalName, fileSize, fileHash, threat }: QuarantineNotice) {
  return letter({
    subject: 'An infected file was put into quarantine',
    paragraphs: [
      `The virus scanner found ${threat} in a file. Nobody can fetch it; an administrator may release or purge it.`,
      `File ${file}, called “${originalName}”, ${fileSize} bytes, SHA-256 ${fileHash}, of the account ${owner}.`,
      'Further files of the same account are in the quarantine’s list; of them comes no other mail for ten minutes.',
    ],
  });
}
