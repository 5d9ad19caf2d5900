"""The dashboard, and the only Streamlit in the package: a package a page, `widgets` for what pages share, `shell`."""
