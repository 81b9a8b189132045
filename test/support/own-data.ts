import { Readable } from 'node:stream';
import type { Wired } from '../../src/app/services.ts';
import type { Collections } from '../../src/models/collections.ts';
import { removeUnusedAvatars } from '../../src/services/accounts/account-remains.ts';
import type { Viewer } from '../../src/services/viewer.ts';
import { plain } from './avatars.ts';
import { codeOf, nextCodeOf } from './one-time-code.ts';

const CLIENT = { ip: null, userAgent: null };
const CREDENTIALS = { emailOrUsername: 'factored', password: 'correct horse' };
const NEVER = new AbortController().signal;

/** An account that uses everything that accounts have of their own beside files. */
export class OwnData {
  private readonly services: Wired['services'];
  private readonly collections: Collections;
  private readonly owner: Viewer;
  private readonly picture: Buffer;

  private constructor(services: Wired['services'], collections: Collections, owner: Viewer, picture: Buffer) {
    this.services = services;
    this.collections = collections;
    this.owner = owner;
    this.picture = picture;
  }

  static async of({ services }: Wired, collections: Collections): Promise<OwnData> {
    const { emailOrUsername: username, password } = CREDENTIALS;
    const input = { username, email: 'factored@example.org', password };
    const { tokens } = await services.accounts.register(input, CLIENT);
    const owner = await services.sessions.authenticate(tokens.accessToken);
    return new OwnData(services, collections, owner, await plain(2, 2).png().toBuffer());
  }

  /** Does once whatever can be done to a second factor; resetting one needs somebody else. */
  async useSecondFactor(admin: Viewer): Promise<void> {
    const { accounts, secondFactor } = this.services;
    const { password } = CREDENTIALS;
    const { secret } = await secondFactor.begin(this.owner, password);
    const codes = await secondFactor.confirm(this.owner, codeOf(secret));
    await accounts.login({ ...CREDENTIALS, code: nextCodeOf(secret) }, CLIENT);
    await accounts.login({ ...CREDENTIALS, code: codes[0] }, CLIENT);
    await secondFactor.areOn([String(this.owner.userId)]);
    const renewed = await secondFactor.renewRecoveryCodes(this.owner, password, codes[1]);
    await secondFactor.disable(this.owner, password, renewed[0]);
    await secondFactor.reset(admin, String(this.owner.userId));
  }

  /** Sets, shows and removes an image, and removes one that was left. */
  async useImage(): Promise<void> {
    const { avatars } = this.services;
    await avatars.update(this.owner, this.image(), NEVER);
    const shown = await avatars.update(this.owner, this.image(), NEVER);
    await avatars.served(shown.id, shown.avatarVersion ?? '');
    await avatars.remove(this.owner);
    const { userId } = this.owner;
    const left = { userId, image: this.picture, version: 'left', unusedAfter: new Date(0) };
    await this.collections.avatars.create(left);
    await removeUnusedAvatars(this.collections, new Date(), NEVER);
  }

  /** Exports everything that is held. */
  async export(): Promise<void> {
    const { dataExports } = this.services;
    const { url } = await dataExports.link(this.owner);
    const { searchParams } = new URL(url, 'http://node.test');
    const { text } = await dataExports.open(String(this.owner.userId), Object.fromEntries(searchParams));
    const document = JSON.parse((await text.toArray()).join(''));
    if (!document.isComplete) throw new Error('The export was cut.');
  }

  private image() {
    const stream = Readable.from([this.picture]);
    return { open: async () => ({ filename: 'a.png', mimeType: 'image/png', stream }) };
  }
}
