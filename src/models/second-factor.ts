import { prop } from '@typegoose/typegoose';

/** A time-based one-time password (RFC 6238) of an account; it counts for logins once it is confirmed. */
export class SecondFactor {
  /** The shared secret, encrypted with a key that is not in the database. */
  @prop({ type: () => String, required: true })
  secret!: string;

  /** When its owner proved to have it; absent until then. */
  @prop({ type: () => Date })
  confirmedAt?: Date;

  /** The time step of the last code that was accepted: it and those before it are used up. */
  @prop({ type: () => Number, required: true })
  lastStep!: number;

  /** SHA-256 (hex) of each recovery code that is left. */
  @prop({ type: () => [String], required: true })
  recoveryCodes!: string[];
}
