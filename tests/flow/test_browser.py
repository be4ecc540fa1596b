"""The whole of it as people use it, in a real browser: the form, the journey, the mail, the search, the download."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from letterbox.local.stack import LocalStack
from tests.support import files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SENTENCE = "The chandelier in the ballroom needs a thorough refurbishment before Christmas."
PATIENCE = 30_000


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def fill_in(page: Page, stack: LocalStack, pdf: Path, subject: str) -> None:
    await page.goto(f"{stack.address('caddy')}/contact")
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_label("Your e-mail address").fill("ada@example.org")
    await page.get_by_label("Subject").fill(subject)
    await page.get_by_label("Your message").fill("Good morning, here is what I wrote about.")
    await page.get_by_label("Files").set_input_files(pdf)
    await page.get_by_role("button", name="Send").click()


async def test_a_visitor_writes_and_the_owner_finds_it_by_a_misspelt_word(
    browser: Browser, stack: LocalStack, tmp_path: Path
) -> None:
    pdf = tmp_path / "ballroom.pdf"
    pdf.write_bytes(files.pdf(SENTENCE, title="Ballroom"))
    context = await browser.new_context()
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    await fill_in(page, stack, pdf, "Chandelier 4711")
    await page.wait_for_url("**/contact/*")
    await expect(page.locator("#status")).to_have_text("done", timeout=PATIENCE)
    await expect(page.locator("#steps li").first).to_contain_text("We have your message")
    assert "Ada" not in await page.content()
    submission = page.url.rsplit("/", 1)[-1]

    await page.goto(stack.mail_page)
    await page.get_by_role("link", name="New message: Chandelier 4711").first.click()
    await expect(page.locator("pre")).to_contain_text("ballroom.pdf")
    await expect(page.locator("pre")).to_contain_text(f"/search?contact={submission}")

    await page.goto(f"{stack.address('caddy')}/search")
    await page.locator("input[type=password], input[name=key]").first.fill(stack.owner_key)
    await page.get_by_role("button").first.click()
    await page.goto(f"{stack.address('caddy')}/search?q=chandeleir+refurbishmnet")
    mark = page.locator("mark", has_text="chandelier")
    await expect(mark.first).to_be_visible()
    await page.get_by_role("link", name="ballroom").first.click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download").first.click()
    saved = await (await download.value).path()
    assert Path(saved).read_bytes() == pdf.read_bytes()
    assert (await download.value).suggested_filename == "ballroom.pdf"
    assert problems == []
    await context.close()


async def test_everything_works_without_javascript(browser: Browser, stack: LocalStack, tmp_path: Path) -> None:
    pdf = tmp_path / "plain.pdf"
    pdf.write_bytes(files.pdf("A plain page without scripts."))
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await fill_in(page, stack, pdf, "No scripts")
    await page.wait_for_url("**/contact/*")
    await expect(page.locator("#status")).to_have_text("done", timeout=PATIENCE)
    await context.close()


async def test_a_form_with_mistakes_comes_back_with_its_values_and_says_what_is_wrong(
    browser: Browser, stack: LocalStack
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{stack.address('caddy')}/contact")
    await page.locator("form").evaluate("form => form.noValidate = true")
    await page.get_by_label("Your name").fill("Ada <script>alert(1)</script>")
    await page.get_by_label("Your e-mail address").fill("not an address")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("Your message is missing")
    await expect(page.get_by_role("alert")).to_contain_text("e-mail address does not look right")
    await expect(page.get_by_label("Your name")).to_have_value("Ada <script>alert(1)</script>")
    await context.close()


async def test_the_owner_sees_what_a_file_looks_like_without_scripts(
    browser: Browser, stack: LocalStack, tmp_path: Path
) -> None:
    pdf = tmp_path / "veranda.pdf"
    pdf.write_bytes(files.pdf("A drawing of the veranda", "and its roof"))
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await fill_in(page, stack, pdf, "Veranda")
    await page.wait_for_url("**/contact/*")
    await page.goto(f"{stack.address('caddy')}/search?q=veranda")
    await page.locator("input[name=key]").fill(stack.owner_key)
    await page.get_by_role("button").first.click()
    small = page.get_by_role("img", name="First page of veranda.pdf")
    until = time.monotonic() + PATIENCE / 1000
    while not await small.count():  # the file is read, and drawn after that
        assert time.monotonic() < until
        await page.reload()
    await expect(small).to_be_visible()
    await small.click()
    pictures = [page.get_by_role("img", name=f"Page {number} of veranda.pdf") for number in (1, 2)]
    for picture in pictures:
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_js_property("naturalHeight", 1400)
    assert problems == []
    await context.close()
