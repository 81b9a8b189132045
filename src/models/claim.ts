import { prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/**
 * A count that is not settled yet. It is written in the same atomic step as the count it belongs to and names the
 * file that decides: once the file is COMPLETED the claim is settled (the count stays), once the file is gone or
 * FAILED the claim is released (the count goes back). So a crash between two documents never leaves a wrong count.
 */
export class Claim {
  @prop({ type: () => Types.ObjectId, required: true })
  file!: Types.ObjectId;

  /** How much of the count depends on the file: bytes for a user, 1 for a blob. */
  @prop({ type: () => Number, required: true })
  amount!: number;

  @prop({ type: () => Date, required: true })
  at!: Date;

  /** True once the file is being removed: from then on the claim can only be released. */
  @prop({ type: () => Boolean })
  leaving?: boolean;
}
