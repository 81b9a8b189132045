import { ArrayNotEmpty, ArrayUnique, IsOptional, Length } from 'class-validator';
import { Field, InputType, ObjectType } from 'type-graphql';
import { ApiKey, Scope } from '../../models/api-key.ts';
import { DateTime } from '../../models/scalars.ts';

/** What a new API key is made from. */
@InputType({ description: 'What a new API key is made from.' })
export class CreateApiKeyInput {
  @Field(() => String, { description: 'What its owner calls it: 1–100 characters.' })
  @Length(1, 400)
  name!: string;

  @Field(() => [Scope], { description: 'All it may do: at least one, each once.' })
  @ArrayNotEmpty()
  @ArrayUnique()
  scopes!: Scope[];

  @Field(() => DateTime, { nullable: true, description: 'When it ends, in the future; null is never.' })
  @IsOptional()
  expiresAt?: Date | null;
}

/** A new API key with its secret. */
@ObjectType({ description: 'A new API key with its secret.' })
export class CreatedApiKey {
  @Field(() => String, {
    simple: true,
    description: 'The key itself: send it as `Authorization: Bearer <key>`. It is never shown again.',
  })
  key!: string;

  @Field(() => ApiKey, { simple: true, description: 'What is known of it from now on.' })
  apiKey!: ApiKey;
}
