import { IsOptional, isEmail, Length, Matches, MaxLength, ValidateBy } from 'class-validator';
import { Field, InputType } from 'type-graphql';
import {
  EMAIL_LENGTH,
  NAME_LENGTH,
  PASSWORD_LENGTH,
  USERNAME,
} from '../../services/accounts/account-rules.ts';

// A recovery code has 24 characters, however many spaces it is typed with.
const CODE_LENGTH = 100;

const USERNAME_RULE = { message: 'a username has 3 to 30 letters, digits or underscores' };

/** Accepts what is an address once trimmed, as the service stores it: phones like to add a space. */
const IsAddress = () =>
  ValidateBy({
    name: 'isAddress',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' &&
        value.length <= 300 &&
        value.trim().length <= 254 &&
        isEmail(value.trim()),
      defaultMessage: () => `email must be an email address of at most ${EMAIL_LENGTH} characters`,
    },
  });

/** What a new account is made from. */
@InputType({ description: 'What a new account is made from.' })
export class RegisterInput {
  @Field(() => String, {
    description: '3–30 letters, digits or underscores; unique whatever the case.',
  })
  @Matches(USERNAME, USERNAME_RULE)
  username!: string;

  @Field(() => String, {
    description: 'A valid address of at most 254 characters; unique, and kept in lower case.',
  })
  @IsAddress()
  email!: string;

  @Field(() => String, { description: '8–200 characters.' })
  @Length(PASSWORD_LENGTH.min, PASSWORD_LENGTH.max)
  password!: string;

  @Field(() => String, { nullable: true, description: 'Given name, at most 50 characters.' })
  @IsOptional()
  @MaxLength(NAME_LENGTH)
  firstName?: string | null;

  @Field(() => String, { nullable: true, description: 'Family name, at most 50 characters.' })
  @IsOptional()
  @MaxLength(NAME_LENGTH)
  lastName?: string | null;
}

/** What a login takes. */
@InputType({ description: 'What a login takes.' })
export class LoginInput {
  @Field(() => String, { description: 'The account’s email address or its username, in any case.' })
  @Length(1, EMAIL_LENGTH)
  emailOrUsername!: string;

  @Field(() => String, { description: 'The account’s password.' })
  @Length(1, PASSWORD_LENGTH.max)
  password!: string;

  @Field(() => String, {
    nullable: true,
    description: 'A code of the second factor, or a recovery code, where the account needs one.',
  })
  @IsOptional()
  @MaxLength(CODE_LENGTH)
  code?: string | null;
}

/** What to change of the own profile. */
@InputType({ description: 'What to change of the own profile; a field left out stays as it is.' })
export class UpdateProfileInput {
  @Field(() => String, {
    nullable: true,
    description: 'A new username: 3–30 letters, digits or underscores. It can’t be null.',
  })
  @IsOptional()
  @Matches(USERNAME, USERNAME_RULE)
  username?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Given name, at most 50 characters; null removes it.',
  })
  @IsOptional()
  @MaxLength(NAME_LENGTH)
  firstName?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Family name, at most 50 characters; null removes it.',
  })
  @IsOptional()
  @MaxLength(NAME_LENGTH)
  lastName?: string | null;
}
