import { expect, test } from 'vitest'
import { emailAlias } from './email-alias.ts'

test.each([
  ['jane@gmail.com', 'jane@gmail.com'], ['jane.doe+news@gmail.com', 'janedoe@gmail.com'], ['j.a.n.e@googlemail.com', 'jane@gmail.com'],
  ['jane.doe+a+b@outlook.com', 'jane.doe@outlook.com'], ['jane@proton.me', 'jane@proton.me'],
  ['jane+news@example.com', null], ['+news@gmail.com', null], ['jane@notgmail.com', null],
])('the mailbox of %s is %s', (email, alias) => {
  expect(emailAlias(email)).toBe(alias)
  if (alias !== null) expect(emailAlias(alias)).toBe(alias)
})
