from wesim.cli import main

main()
