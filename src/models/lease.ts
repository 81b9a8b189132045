import { modelOptions, prop } from '@typegoose/typegoose';

/** Work that only one node may do at a time, while it is being done; a holder that dies loses it after `until`. */
@modelOptions({ schemaOptions: { collection: 'leases', timestamps: true, versionKey: false } })
export class Lease {
  /** What the work is called. */
  @prop({ type: () => String, required: true })
  _id!: string;

  /** Who does it: random, one for each time it is taken. */
  @prop({ type: () => String, required: true })
  holder!: string;

  /** By the clock of the database. */
  @prop({ type: () => Date, required: true })
  until!: Date;
}
