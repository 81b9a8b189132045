import { prop } from '@typegoose/typegoose';

/** Where one copy of a blob’s bytes lies. */
export class Place {
  @prop({ type: () => String, required: true })
  provider!: string;

  /** The bucket, container or folder. */
  @prop({ type: () => String, required: true })
  location!: string;

  @prop({ type: () => String, required: true })
  key!: string;
}

/** An object that is not yet a copy of its blob, or no longer one; the janitor deletes it after its time. */
export class Leftover extends Place {
  @prop({ type: () => Date, required: true })
  deleteAfter!: Date;
}
