import { Field, ObjectType } from 'type-graphql';

/** What an authenticator app needs. */
@ObjectType({ description: 'What an authenticator app needs; shown once.' })
export class SecondFactorSetup {
  @Field(() => String, { simple: true, description: 'The secret in base32, for people who type it.' })
  secret!: string;

  @Field(() => String, {
    simple: true,
    description: 'An `otpauth://` address with everything in it, to be shown as a QR code.',
  })
  uri!: string;
}
