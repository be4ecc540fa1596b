"""Files made to break whoever reads them, generated when the tests run."""
