import { expect, it } from 'vitest'
import { parseRoute, routeHref, viewNames } from './route.ts'

it('reads back what it wrote', () => {
  for (const view of viewNames) {
    expect(parseRoute(routeHref(view))).toEqual({ view, id: null })
    expect(parseRoute(routeHref(view, 'a/b?c#d %'))).toEqual({ view, id: 'a/b?c#d %' })
  }
})

it('takes anything else for the live view', () => {
  for (const fragment of ['', '#', '#/', '#/nothing/x', '#key=sk', '#/toString']) expect(parseRoute(fragment)).toEqual({ view: 'live', id: null })
  expect(parseRoute('#/profiles/%')).toEqual({ view: 'profiles', id: '%' })
})
