"""The demo: Harbour Hotel, a throwaway workspace whose guests write in and answer back."""
