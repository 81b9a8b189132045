import { modelOptions, prop, Severity } from '@typegoose/typegoose';
import { Field, Float, Int, ObjectType } from 'type-graphql';
import { DateTime, JSONObject } from './scalars.ts';

/** Facts about the content that processing found. */
@ObjectType({ description: 'Facts about the content that processing found.' })
@modelOptions({ options: { allowMixed: Severity.ALLOW } })
export class FileMetadata {
  @Field(() => Int, { nullable: true, simple: true, description: 'Pixels.' })
  @prop({ type: () => Number })
  width?: number;

  @Field(() => Int, { nullable: true, simple: true, description: 'Pixels.' })
  @prop({ type: () => Number })
  height?: number;

  @Field(() => Float, { nullable: true, simple: true, description: 'Seconds.' })
  @prop({ type: () => Number })
  duration?: number;

  @Field(() => Int, { nullable: true, simple: true, description: 'Bits per second.' })
  @prop({ type: () => Number })
  bitrate?: number;

  @Field(() => String, { nullable: true, simple: true, description: 'The codec’s usual short name.' })
  @prop({ type: () => String })
  codec?: string;

  @Field(() => JSONObject, { nullable: true, simple: true, description: 'Anything else, by kind of file.' })
  @prop({ type: () => Object })
  extra?: Record<string, unknown>;
}

/** How the content is encrypted at rest. */
@ObjectType({ description: 'How the content is encrypted at rest.' })
export class FileEncryption {
  @Field(() => Boolean, { simple: true, description: 'Whether the stored bytes are encrypted.' })
  @prop({ type: () => Boolean, required: true })
  isEncrypted!: boolean;

  @Field(() => String, { nullable: true, simple: true, description: 'The cipher; null when not encrypted.' })
  @prop({ type: () => String })
  algorithm?: string | null;

  @Field(() => String, {
    nullable: true,
    simple: true,
    description: 'The name of the key; null when not encrypted.',
  })
  @prop({ type: () => String })
  keyId?: string | null;
}

/** What a virus scanner said of the content. */
@ObjectType({ description: 'What a virus scanner said of the content.' })
export class VirusScan {
  @Field(() => Boolean, { simple: true, description: 'Whether a scanner has seen the content.' })
  @prop({ type: () => Boolean, required: true })
  isScanned!: boolean;

  @Field(() => Boolean, {
    simple: true,
    description: 'Whether a scanner found nothing; false before a scan.',
  })
  @prop({ type: () => Boolean, required: true })
  isClean!: boolean;

  @Field(() => DateTime, { nullable: true, simple: true, description: 'When it was scanned.' })
  @prop({ type: () => Date })
  scanDate?: Date | null;

  @Field(() => String, { nullable: true, simple: true, description: 'The scanner’s name and version.' })
  @prop({ type: () => String })
  scanEngine?: string | null;
}

/** The owner's own locks; they hold against everybody but the owner. */
@ObjectType({ description: 'The owner’s locks on a file; they hold against everybody but the owner.' })
export class FileAccess {
  @Field(() => Boolean, { simple: true, description: 'Others with access may see the file.' })
  @prop({ type: () => Boolean, required: true })
  canView!: boolean;

  @Field(() => Boolean, { simple: true, description: 'Others with access may fetch the content.' })
  @prop({ type: () => Boolean, required: true })
  canDownload!: boolean;

  @Field(() => Boolean, { simple: true, description: 'Others with access may share the file.' })
  @prop({ type: () => Boolean, required: true })
  canShare!: boolean;

  @Field(() => Boolean, { simple: true, description: 'Others with access may delete the file.' })
  @prop({ type: () => Boolean, required: true })
  canDelete!: boolean;
}
