import type { Page } from 'playwright-core'

/** What a visitor does in the demo's shop. */

export async function openShop(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/shop`)
  await page.getByRole('button', { name: /^Add/ }).first().waitFor()
}

/** `Product Viewed`. */
export async function lookAtProduct(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Look' }).first().click()
}

/** `Product Added`. */
export async function addToCart(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Add/ }).first().click()
}

/** `identify` and `Order Completed` of what is in the cart. */
export async function order(page: Page, email: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByRole('button', { name: 'Order' }).click()
}
