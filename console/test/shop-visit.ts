import type { Page } from 'playwright-core'

/** What a visitor does in the demo's shop. */

export async function openShop(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/shop`)
  await page.getByRole('button', { name: 'Add to cart' }).first().waitFor()
}

/** `Product Viewed`. */
export async function lookAtProduct(page: Page): Promise<void> {
  await page.goto(new URL('/shop/product?id=22423', page.url()).href)
  await page.getByRole('button', { name: 'Add to cart' }).waitFor()
}

/** `Product Added`. */
export async function addToCart(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add to cart' }).first().click()
}

/** `identify` and `Order Completed` of what is in the cart. */
export async function order(page: Page, email: string): Promise<void> {
  await page.goto(new URL('/shop/checkout', page.url()).href)
  await page.getByLabel('Name').fill('Vera Visitor')
  await page.getByLabel('E-mail').fill(email)
  await page.getByRole('button', { name: 'Order' }).click()
}
