import { MillraceError } from './errors.ts'

/**
 * A package that only one engine needs and so is not installed with Millrace. `load` is a dynamic import of it. Fails with
 * `package_missing` and the command that installs it.
 */
export async function optionalPackage<T>(engine: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!/^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(Reflect.get(Object(error), 'code')))) throw error
    throw new MillraceError('package_missing',
      `the ${engine} engine needs the package ${name}; install it with \`npm install ${name}\``, { cause: error })
  }
}
